import path from "node:path";
import { Journal } from "../../../exporter/shared/journal/journal.js";
import {
  listSegments,
  type Segment,
  SEGMENT_HEADER_BYTES,
  segmentName,
  sequenceInHeader,
} from "../../../exporter/shared/journal/segment.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { FolderLock, FolderLockedError } from "../../../exporter/shared/platform/folder-lock.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { makeStateFolder } from "../../../exporter/shared/platform/state-file.js";
import type { Inventory } from "./inventory.js";

/** Folders of the data folder that hold no tables. */
export const JOURNAL_FOLDER = "journal";
export const SNAPSHOTS_FOLDER = "snapshots";
/** Names of segments in the journal folder start with one of these. */
export const ROW_PREFIX = "journal";
export const CHUNK_PREFIX = "chunks";

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
    await files.makeFolder(folder);
    await makeStateFolder(files, journalFolder, log);
  } catch (error) {
    if (!(await isThere(files, folder))) throw error;
    log.error("Cannot make journal folder, samples stay in memory", {
      folder: journalFolder,
      error: messageOf(error),
    });
  }
  try {
    return await FolderLock.acquire(files, folder, log);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    log.warn("Cannot lock data folder", { folder, error: messageOf(error) });
    return undefined;
  }
}

async function isThere(files: Files, folder: string): Promise<boolean> {
  try {
    return (await files.facts(folder))?.isFolder === true;
  } catch {
    return false;
  }
}

/** Segments of earlier runs, and the journal that continues after them. */
export interface OpenedJournal {
  readonly segments: readonly Segment[];
  readonly journal: Journal;
}

/**
 * @param listed numbers of segments that the inventory lists: none of them is used again
 * @param maxPendingBytes bytes of records that may wait while the disk refuses them
 */
export async function openJournal(
  data: DataFolder,
  prefix: string,
  inventory: Inventory,
  listed: Iterable<string>,
  maxPendingBytes: number,
): Promise<OpenedJournal> {
  const { files } = data;
  const folder = journalFolderOf(data);
  const listedNames = Array.from(listed, (file) => path.basename(file));
  const segments = await segmentsIn(data, prefix, new Set(listedNames));
  let last = segments.at(-1)?.sequence ?? 0;
  const pattern = new RegExp(`^${prefix}-(\\d{8,15})`);
  for (const name of [...(await namesIn(data)), ...listedNames])
    last = Math.max(last, Number(pattern.exec(name)?.[1] ?? 0));
  const relative = (sequence: number): string =>
    path.join(JOURNAL_FOLDER, segmentName(prefix, sequence));
  const observer = {
    begun: (sequence: number) => inventory.add([[relative(sequence), undefined]]),
    ended: (sequence: number, sizeBytes: number) =>
      inventory.add([[relative(sequence), sizeBytes]]),
    removing: (sequences: readonly number[]) => inventory.forget(sequences.map(relative)),
  };
  const firstSequence = last + 1;
  return {
    segments,
    journal: new Journal({ files, folder, prefix, maxPendingBytes, firstSequence, observer }),
  };
}

async function segmentsIn(
  data: DataFolder,
  prefix: string,
  listed: ReadonlySet<string>,
): Promise<readonly Segment[]> {
  const folder = journalFolderOf(data);
  try {
    const found = await listSegments(data.files, folder, prefix);
    const isRenamed = await renameMisnamed(data, prefix, found, listed);
    return isRenamed ? await listSegments(data.files, folder, prefix) : found;
  } catch (error) {
    data.log.error("Cannot list journal folder", { folder, error: messageOf(error) });
    return [];
  }
}

/** All names in the journal folder, whatever they are: none may be used again. */
async function namesIn(data: DataFolder): Promise<string[]> {
  try {
    return (await data.files.list(journalFolderOf(data))).map(({ name }) => name);
  } catch {
    return []; // Logged by the caller of `segmentsIn`.
  }
}

interface Misnamed {
  readonly segment: Segment;
  /** The number in its header. */
  readonly told: number;
}

/**
 * Gives segments the names that their headers tell, after somebody has exchanged or renamed files:
 * records are in the order of the numbers. A second copy of a segment is moved aside. A number that
 * could also come from a damaged header is left as it is.
 *
 * @param listed names of segments that the inventory lists
 * @returns true when something was renamed
 * @throws the system's error
 */
async function renameMisnamed(
  { files, log, folder: dataFolder }: DataFolder,
  prefix: string,
  segments: readonly Segment[],
  listed: ReadonlySet<string>,
): Promise<boolean> {
  const misnamed: Misnamed[] = [];
  for (const segment of segments) {
    const told = await toldSequence(files, segment);
    if (told !== undefined && told !== segment.sequence) misnamed.push({ segment, told });
  }
  const numbers = new Set(segments.map(({ sequence }) => sequence));
  const free = new Set(misnamed.map(({ segment }) => segment.sequence));
  const isListed = (number: number): boolean => listed.has(segmentName(prefix, number));
  const told = misnamed.map((each) => each.told);
  const isExchange = told.every((number) => free.has(number)) && new Set(told).size === told.length;
  const moved: { from: string; aside: string; to: string | undefined }[] = [];
  for (const { segment, told: number } of misnamed) {
    const to = path.join(dataFolder, JOURNAL_FOLDER, segmentName(prefix, number));
    const aside = `${segment.path}.misnamed`;
    const isRenamed = !numbers.has(number) && isListed(number) && !isListed(segment.sequence);
    if (isExchange || isRenamed) moved.push({ from: segment.path, aside, to });
    else if (numbers.has(number) && (await areEqual(files, segment.path, to)))
      moved.push({ from: segment.path, aside, to: undefined });
  }
  for (const { from, aside } of moved) await files.rename(from, aside);
  for (const { from: file, aside, to } of moved) {
    if (to !== undefined) await files.rename(aside, to);
    if (to === undefined)
      log.warn("Copy of a journal segment found, it is moved aside", { file, now: aside });
    else log.error("Misnamed journal segment found, it is renamed", { file, now: to });
  }
  return moved.length > 0;
}

async function areEqual(files: Files, left: string, right: string): Promise<boolean> {
  return Buffer.compare(await files.readBytes(left), await files.readBytes(right)) === 0;
}

/** The number in the header of a segment; undefined when the header cannot be read. */
async function toldSequence(
  files: Files,
  { path: filePath }: Segment,
): Promise<number | undefined> {
  try {
    const file = await files.openRead(filePath);
    try {
      return sequenceInHeader(await file.read(0, SEGMENT_HEADER_BYTES));
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // Reading its records reports it.
  }
}
