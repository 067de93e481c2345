import { Journal } from "../../../exporter/shared/journal/journal.js";
import { listSegments, type Segment } from "../../../exporter/shared/journal/segment.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { FolderLock, FolderLockedError } from "../../../exporter/shared/platform/folder-lock.js";

/** Folder of the data folder that holds snapshots. */
export const SNAPSHOTS_FOLDER = "snapshots";
/** Bytes of rows, and of chunks, that may wait while the disk refuses them. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

export function newJournal(
  files: Files,
  folder: string,
  prefix: string,
  existing: readonly Segment[],
): Journal {
  const firstSequence = (existing.at(-1)?.sequence ?? 0) + 1;
  return new Journal({ files, folder, prefix, maxPendingBytes: MAX_PENDING_BYTES, firstSequence });
}

export async function makeFolderIfPossible(files: Files, folder: string): Promise<void> {
  try {
    await files.makeFolder(folder);
  } catch (error) {
    // A full or read-only disk must not keep the program from watching; what is stored can still be
    // read.
    if ((await files.facts(folder)) === undefined) throw error;
  }
}

export async function lockIfPossible(
  files: Files,
  folder: string,
  log: Logger,
): Promise<FolderLock | undefined> {
  try {
    return await FolderLock.acquire(files, folder);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    log.warn("Data folder cannot be locked", { folder, error: messageOf(error) });
    return undefined;
  }
}

export async function segmentsIn(
  files: Files,
  folder: string,
  prefix: string,
  log: Logger,
): Promise<Segment[]> {
  try {
    return await listSegments(files, folder, prefix);
  } catch (error) {
    log.error("Journal folder cannot be listed", { folder, error: messageOf(error) });
    return [];
  }
}
