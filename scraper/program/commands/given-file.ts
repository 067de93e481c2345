import { BadInputError, codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import { realFiles } from "../../../exporter/shared/platform/files.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder",
};

/**
 * Reads a file a command was given.
 *
 * @throws {BadInputError} when that is not possible
 */
export async function readGivenFile(file: string): Promise<string> {
  try {
    return await realFiles.readText(file);
  } catch (error) {
    const reason = REASONS[codeOf(error) ?? ""] ?? messageOf(error);
    throw new BadInputError(`Cannot read "${file}": ${reason}, it must be a readable file`, {
      cause: error,
    });
  }
}
