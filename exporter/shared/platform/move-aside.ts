import { randomBytes } from "node:crypto";
import { messageOf } from "../model/errors.js";
import type { Files } from "./files.js";
import type { Logger } from "./logger.js";

/**
 * Renames something that stands where a program keeps its own file, such as a folder in place of a file,
 * so that nothing of it is destroyed.
 *
 * @returns false when it could not be renamed
 */
export async function moveAside(files: Files, filePath: string, log: Logger): Promise<boolean> {
  const aside = `${filePath}.aside-${randomBytes(3).toString("hex")}`;
  try {
    await files.rename(filePath, aside);
    log.warn("Unusable file moved aside", { file: filePath, now: aside });
    return true;
  } catch (error) {
    log.warn("Cannot move unusable file aside", { file: filePath, error: messageOf(error) });
    return false;
  }
}
