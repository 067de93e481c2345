import path from "node:path";
import { Journal } from "../../../exporter/shared/journal/journal.js";
import { listSegments, type Segment } from "../../../exporter/shared/journal/segment.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { FolderLock, FolderLockedError } from "../../../exporter/shared/platform/folder-lock.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";

/** Folders of the data folder that hold no tables. */
export const JOURNAL_FOLDER = "journal";
export const SNAPSHOTS_FOLDER = "snapshots";
/** Names of segments in the journal folder start with one of these. */
export const ROW_PREFIX = "journal";
export const CHUNK_PREFIX = "chunks";

/** Bytes of rows, and of chunks, that may wait while the disk refuses them. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

export interface DataFolder {
  readonly folder: string;
  readonly files: Files;
  readonly log: Logger;
}

export const journalFolderOf = ({ folder }: Pick<DataFolder, "folder">): string =>
  path.join(folder, JOURNAL_FOLDER);

/**
 * Makes the journal folder and locks the data folder. A full or read-only disk must not stop the
 * program from scraping: then there is no lock, and stored samples can still be read.
 *
 * @throws {FolderLockedError} when another process works on the folder
 */
export async function prepareDataFolder(data: DataFolder): Promise<FolderLock | undefined> {
  const { folder, files, log } = data;
  const journalFolder = journalFolderOf(data);
  try {
    await files.makeFolder(journalFolder);
  } catch (error) {
    if ((await files.facts(journalFolder)) === undefined) throw error;
  }
  try {
    return await FolderLock.acquire(files, folder);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    log.warn("Cannot lock data folder", { folder, error: messageOf(error) });
    return undefined;
  }
}

/** Segments of earlier runs, and the journal that continues after them. */
export interface OpenedJournal {
  readonly segments: readonly Segment[];
  readonly journal: Journal;
}

export async function openJournal(data: DataFolder, prefix: string): Promise<OpenedJournal> {
  const { files } = data;
  const folder = journalFolderOf(data);
  const segments = await segmentsIn(data, prefix);
  const firstSequence = (segments.at(-1)?.sequence ?? 0) + 1;
  const maxPendingBytes = MAX_PENDING_BYTES;
  return {
    segments,
    journal: new Journal({ files, folder, prefix, maxPendingBytes, firstSequence }),
  };
}

async function segmentsIn(data: DataFolder, prefix: string): Promise<readonly Segment[]> {
  const folder = journalFolderOf(data);
  try {
    return await listSegments(data.files, folder, prefix);
  } catch (error) {
    data.log.error("Cannot list journal folder", { folder, error: messageOf(error) });
    return [];
  }
}
