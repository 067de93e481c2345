import { BadInputError, codeOf, messageOf } from "../model/errors.js";
import type { Files } from "../platform/files.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder",
};

/**
 * Reads a file that a user has named.
 *
 * @throws {BadInputError} when that is not possible
 */
export async function readGivenBytes(file: string, files: Files): Promise<Uint8Array> {
  try {
    return await files.readBytes(file);
  } catch (error) {
    const reason = REASONS[codeOf(error) ?? ""] ?? messageOf(error);
    throw new BadInputError(`Cannot read "${file}": ${reason}, it must be a readable file`, {
      cause: error,
    });
  }
}

/** As `readGivenBytes`, for a file of UTF-8 text. */
export async function readGivenFile(file: string, files: Files): Promise<string> {
  return Buffer.from(await readGivenBytes(file, files)).toString("utf8");
}
