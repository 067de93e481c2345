import path from "node:path";
import { TEMPORARY_SUFFIX, type Files } from "./files.js";

/**
 * Deletes temporary files that a power cut left in a folder. What cannot be listed or deleted
 * stays; its owner reports the folder.
 *
 * @param folder used by this process only, because another process may be writing such a file
 */
export async function removeStrayFiles(files: Files, folder: string): Promise<void> {
  const entries = await files.list(folder).catch(() => []);
  for (const { name, isFolder } of entries) {
    if (isFolder || !name.endsWith(TEMPORARY_SUFFIX)) continue;
    await files.remove(path.join(folder, name)).catch(() => undefined);
  }
}
