import path from "node:path";
import { listSegments } from "../../exporter/shared/journal/segment.js";
import { codeOf, PihealthError } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { BlockStore, StoredBlock } from "./blocks/block-store.js";

const SUFFIX_VALUES = 2 ** 48;

export interface SnapshotParts {
  readonly files: Files;
  readonly dataFolder: string;
  readonly blocks: BlockStore;
}

export interface SnapshotOptions {
  /** False to leave out what is in no block yet. */
  readonly withHead: boolean;
}

/** A snapshot cannot be made beside another one. */
export class SnapshotBusyError extends PihealthError {
  readonly code = "unavailable";
  constructor() {
    super("Cannot make a snapshot: one is being made, it must be finished first");
  }
}

/**
 * @param random from 0 to below 1
 * @returns a name like `20260112T150000Z-00c0ffee0042`
 */
export function snapshotName(wallMs: number, random: number): string {
  const time = new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, "");
  return `${time}-${Math.floor(random * SUFFIX_VALUES)
    .toString(16)
    .padStart(12, "0")}`;
}

/**
 * Copies everything durable to another folder, which can be opened as a data folder.
 *
 * Rows move from the row journal to chunks and from there to blocks, so it is copied in that order:
 * what moves meanwhile is then in two places, which reads settle, and never in none.
 *
 * @returns the number of files copied
 * @throws the system's error; then nothing of the copy is left
 */
export async function copyData(
  parts: SnapshotParts,
  target: string,
  { withHead }: SnapshotOptions,
): Promise<number> {
  const { files, dataFolder } = parts;
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
  try {
    await files.makeFolder(target);
    if (withHead) await copyJournals(parts, copy);
    await copyBlocks(parts, copy);
  } catch (error) {
    await files.removeTree(target);
    throw error;
  }
  return copied;
}

type Copy = (relative: string) => Promise<void>;

async function copyJournals({ files, dataFolder }: SnapshotParts, copy: Copy): Promise<void> {
  const folder = path.join(dataFolder, "journal");
  for (const prefix of ["journal", "chunks"]) {
    for (const segment of await listSegments(files, folder, prefix))
      await copy(path.relative(dataFolder, segment.path));
  }
}

/** Until none is left that came meanwhile: a merged block holds what is no longer there to copy. */
async function copyBlocks({ dataFolder, blocks }: SnapshotParts, copy: Copy): Promise<void> {
  const seen = new Set<StoredBlock>();
  for (;;) {
    const added = blocks.all().filter((block) => !seen.has(block));
    if (added.length === 0) return;
    for (const block of added) {
      seen.add(block);
      await copy(path.relative(dataFolder, blocks.reader.pathOf(block)));
    }
  }
}
