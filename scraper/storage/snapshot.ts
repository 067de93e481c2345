import path from "node:path";
import { listSegments } from "../../exporter/shared/journal/segment.js";
import { codeOf, PihealthError } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import type { BlockStore, StoredBlock } from "./blocks/block-store.js";
import { Inventory } from "./model/inventory.js";
import { CHUNK_PREFIX, JOURNAL_FOLDER, ROW_PREFIX } from "./model/data-folder.js";

const SUFFIX_VALUES = 2 ** 48;

export interface SnapshotParts {
  readonly files: Files;
  readonly dataFolder: string;
  readonly blocks: BlockStore;
}

export interface SnapshotOptions {
  /** False to leave out samples that no block holds yet. */
  readonly withHead: boolean;
}

/** Another snapshot is being made. */
export class SnapshotBusyError extends PihealthError {
  readonly code = "unavailable";
  constructor() {
    super("Cannot make a snapshot: another one is being made, it must finish first");
  }
}

/** Makes snapshots, one at a time. */
export class Snapshots {
  private isBusy = false;

  constructor(private readonly parts: SnapshotParts) {}

  /**
   * Copies everything durable to `target`.
   *
   * @param commit makes durable what has been appended; runs first
   * @returns the number of files copied
   * @throws {SnapshotBusyError} while another snapshot is made
   * @throws the system's error; then `target` is removed again
   */
  async make(
    target: string,
    options: SnapshotOptions,
    commit: () => Promise<void>,
  ): Promise<number> {
    if (this.isBusy) throw new SnapshotBusyError();
    this.isBusy = true;
    try {
      await commit();
      return await copyData(this.parts, target, options);
    } finally {
      this.isBusy = false;
    }
  }
}

/**
 * @param random from 0 to below 1
 * @returns a name like `20260112T150000Z-00c0ffee0042`
 */
export function snapshotName(wallMs: number, random: number): string {
  const time = new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const suffix = Math.floor(random * SUFFIX_VALUES).toString(16);
  return `${time}-${suffix.padStart(12, "0")}`;
}

/**
 * Rows move from the row journal to chunks, and from there to blocks. The copy goes the same way. So it
 * has rows that move meanwhile in one or two places, never in none, and reads merge them.
 */
async function copyData(
  parts: SnapshotParts,
  target: string,
  { withHead }: SnapshotOptions,
): Promise<number> {
  const { files, dataFolder } = parts;
  const sizes = new Map<string, number>();
  const copy = async (relative: string): Promise<void> => {
    try {
      const content = await files.readBytes(path.join(dataFolder, relative));
      await files.makeFolder(path.join(target, path.dirname(relative)));
      await files.replace(path.join(target, relative), content);
      sizes.set(relative, content.length);
    } catch (error) {
      // The samples of a file that is gone are in a file that is still to be copied.
      if (codeOf(error) !== "ENOENT") throw error;
    }
  };
  try {
    await files.makeFolder(target);
    if (withHead) await copyJournals(parts, copy);
    await copyBlocks(parts, copy);
    await new Inventory({ files, folder: target, log: silentLogger }).begin(sizes, []);
  } catch (error) {
    await files.removeTree(target);
    throw error;
  }
  return sizes.size;
}

type Copy = (relative: string) => Promise<void>;

async function copyJournals({ files, dataFolder }: SnapshotParts, copy: Copy): Promise<void> {
  const folder = path.join(dataFolder, JOURNAL_FOLDER);
  for (const prefix of [ROW_PREFIX, CHUNK_PREFIX]) {
    for (const segment of await listSegments(files, folder, prefix))
      await copy(path.relative(dataFolder, segment.path));
  }
}

/** Repeats until no new block has appeared: a merged block replaces blocks that can no longer be copied. */
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
