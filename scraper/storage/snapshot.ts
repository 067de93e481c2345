import path from "node:path";
import { listSegments } from "../../exporter/shared/journal/segment.js";
import { codeOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { BlockStore } from "./block-store.js";

export interface SnapshotParts {
  readonly files: Files;
  readonly dataFolder: string;
  readonly blocks: BlockStore;
}

/**
 * Copies everything durable to another folder, which can be opened as a data folder.
 *
 * Journals first: rows that move to a block meanwhile are then in both, which reads settle, and
 * never in neither.
 *
 * @returns the number of files copied
 * @throws the system's error
 */
export async function copyData(
  { files, dataFolder, blocks }: SnapshotParts,
  target: string,
): Promise<number> {
  let copied = 0;
  const copy = async (relative: string): Promise<void> => {
    try {
      const content = await files.readBytes(path.join(dataFolder, relative));
      await files.makeFolder(path.join(target, path.dirname(relative)));
      await files.replace(path.join(target, relative), content);
      copied++;
    } catch (error) {
      // What is gone has been sealed or merged into what is still to be copied.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  };
  for (const prefix of ["chunks", "journal"]) {
    for (const segment of await listSegments(files, path.join(dataFolder, "journal"), prefix)) {
      await copy(path.relative(dataFolder, segment.path));
    }
  }
  for (const block of blocks.all())
    await copy(path.relative(dataFolder, blocks.reader.pathOf(block)));
  return copied;
}
