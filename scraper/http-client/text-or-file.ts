import path from "node:path";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { BadInputError, messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";

/** A text in the configuration, or the path of a file that contains it. */
export type TextOrFile = { readonly text: string } | { readonly file: string };

/**
 * Reads two keys of which at most one is given.
 *
 * @throws {ConfigError}
 */
export function parseTextOrFile(
  section: ConfigSection,
  textKey: string,
  fileKey: string,
): TextOrFile | undefined {
  const text = section.string(textKey, { default: "" });
  const file = section.string(fileKey, { default: "" });
  if (text !== "" && file !== "") {
    section.fail(fileKey, `is given beside ${textKey}, it must be only one of them`);
  }
  if (text !== "") return { text };
  return file === "" ? undefined : { file };
}

/**
 * @param folder base of relative paths
 * @throws {BadInputError} when the file cannot be read
 */
export async function readTextOrFile(
  source: TextOrFile | undefined,
  files: Files,
  folder: string,
): Promise<string | undefined> {
  if (source === undefined || "text" in source) return source?.text;
  const file = path.resolve(folder, source.file);
  try {
    return await files.readText(file);
  } catch (error) {
    throw new BadInputError(`Cannot read "${file}": ${messageOf(error)}`, { cause: error });
  }
}
