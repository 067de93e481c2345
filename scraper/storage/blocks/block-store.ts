import path from "node:path";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import {
  type BlockContent,
  type StampedContent,
  writeBlock,
  writeStampedBlock,
} from "../codec/block-codec.js";
import type { BlockDirectory } from "../codec/block-directory.js";
import type { Inventory } from "../model/inventory.js";
import type { StorageCounters } from "../model/storage-counters.js";
import { BlockListing, type ListingParts } from "./block-listing.js";
import { blockFileName, type BlockName, blockPath, blocksFolder } from "./block-name.js";
import { BlockReader } from "./block-reader.js";
import { writeBlockFile } from "./block-writer.js";
import { DamagedBlocks } from "./damaged-blocks.js";

/** Blocks whose size is asked at the same time. */
const CONCURRENT_FACTS = 16;

export interface BlockStoreParts extends ListingParts {
  readonly counters: StorageCounters;
  /** Learns which blocks there are; undefined when nothing is written. */
  readonly inventory?: Inventory;
  /** Memory for what was read from blocks. */
  readonly cacheBytes?: number | undefined;
}

/** A block on disk. */
export interface StoredBlock extends BlockName {
  /** Undefined until it is known. */
  sizeBytes: number | undefined;
  /** Lets queries skip the block without opening it; known once its directory has been read. */
  facts?: BlockFacts;
}

export interface BlockFacts {
  readonly target: Labels;
  /** Name of the table; see `tableName`. */
  readonly table: string;
  /** Names of the labels of its series, without target labels. */
  readonly ownNames: ReadonlySet<string>;
}

/**
 * The list of all blocks of all hosts.
 *
 * Blocks come in from the head cutter and from compaction, and leave through compaction, retention and
 * deletion; one loop of the storage runs these. Queries see each change as a whole: they read the list
 * in one turn of the event loop, and files of blocks that left stay until the run after the next.
 */
export class BlockStore {
  readonly reader: BlockReader;
  /** Folders, relative to the data folder, that could not be listed. */
  readonly unlistable: ReadonlySet<string>;
  readonly damaged: DamagedBlocks;
  private readonly byFolder = new Map<string, readonly StoredBlock[]>();
  /** How often blocks of a folder were replaced or deleted. */
  private readonly versions = new Map<string, number>();
  /** Undefined until it is looked for, after each change of the list. */
  private newest: number | undefined;
  private nextSequence = 1;
  /** Blocks that left the list. Queries that are under way may still read their files. */
  private retired: StoredBlock[] = [];

  private constructor(
    private readonly parts: BlockStoreParts,
    listing: BlockListing,
  ) {
    this.unlistable = listing.unlistable;
    const { files, dataFolder, log, counters, cacheBytes } = parts;
    this.reader = new BlockReader(files, dataFolder, cacheBytes);
    const pathOf = (block: BlockName): string => this.reader.pathOf(block);
    this.damaged = new DamagedBlocks({ log, counters, pathOf });
  }

  /** Lists the blocks on disk. Folders that cannot be listed are logged. */
  static async open(parts: BlockStoreParts): Promise<BlockStore> {
    const listing = new BlockListing(parts);
    const store = new BlockStore(parts, listing);
    for (const folder of await listing.tableFolders()) {
      const blocks = await listing.blocksIn(folder);
      for (const { sequence } of blocks)
        store.nextSequence = Math.max(store.nextSequence, sequence + 1);
      const sized = blocks.map((block): StoredBlock => ({ ...block, sizeBytes: undefined }));
      const missing = await store.findSizes(sized);
      store.exchange(
        folder,
        sized.filter((block) => !missing.has(block)),
        [],
      );
    }
    return store;
  }

  /** @returns the blocks that are not there: links to nothing */
  private async findSizes(blocks: readonly StoredBlock[]): Promise<ReadonlySet<StoredBlock>> {
    const { isReadOnly } = this.parts;
    const missing = new Set<StoredBlock>();
    const queue = blocks.values();
    const work = async (): Promise<void> => {
      for (const block of queue) {
        try {
          const facts = await this.parts.files.facts(this.reader.pathOf(block));
          if (facts?.isFile !== true) missing.add(block);
          else block.sizeBytes = facts.sizeBytes;
          if (facts?.isFile === true && isReadOnly !== true) await this.checkPermission(block);
        } catch {
          // A query that reads the block reports why it cannot.
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_FACTS, blocks.length) }, work));
    return missing;
  }

  private async checkPermission(block: StoredBlock): Promise<void> {
    if (await this.parts.files.isReadable(this.reader.pathOf(block))) return;
    const error = Object.assign(new Error("permission denied"), { code: "EACCES" });
    this.damaged.report(block, error);
  }

  /** Path relative to the data folder. */
  relativePathOf({ folder, name }: BlockName): string {
    return blockPath(folder, name);
  }

  /**
   * Compares the range in the name of a block with its samples, after somebody has renamed or exchanged
   * files, and corrects the list.
   *
   * @returns the range in the name when it was wrong
   */
  async correctRange(block: StoredBlock): Promise<TimeRange | undefined> {
    const { fromMs, untilMs } = extentOf(await this.reader.directory(block));
    if (fromMs >= untilMs) return undefined;
    const named = { fromMs: block.fromMs, untilMs: block.untilMs };
    if (named.fromMs === fromMs && named.untilMs === untilMs) return undefined;
    const others = this.blocksOf(block.folder).filter((each) => each !== block);
    this.byFolder.set(block.folder, others);
    this.exchange(block.folder, [{ ...block, fromMs, untilMs }], []);
    return named;
  }

  /** Blocks of a folder, in the order of their first sample. */
  blocksOf(folder: string): readonly StoredBlock[] {
    return this.byFolder.get(folder) ?? [];
  }

  folders(): string[] {
    return [...this.byFolder.keys()];
  }

  /** The blocks of each folder. */
  lists(): Iterable<readonly StoredBlock[]> {
    return this.byFolder.values();
  }

  all(): StoredBlock[] {
    return [...this.lists()].flat();
  }

  /** End of the newest block of a folder, inclusive; -Infinity when it has none. */
  newestMs(folder: string): number {
    return this.blocksOf(folder).reduce(
      (newest, { untilMs }) => Math.max(newest, untilMs - 1),
      Number.NEGATIVE_INFINITY,
    );
  }

  /** End of the newest block of all, inclusive; -Infinity when there is none. */
  get newestOfAllMs(): number {
    this.newest ??= Math.max(
      Number.NEGATIVE_INFINITY,
      ...this.folders().map((folder) => this.newestMs(folder)),
    );
    return this.newest;
  }

  /**
   * Writes a block with at least one row. It is not in the list until `exchange` adds it.
   *
   * @throws the system's error
   */
  async write(folder: string, content: BlockContent): Promise<StoredBlock> {
    const fromMs = content.sections.at(0)?.timestamps.at(0);
    const lastMs = content.sections.at(-1)?.timestamps.at(-1);
    if (fromMs === undefined || lastMs === undefined)
      throw new RangeError("Cannot write block: it has no rows");
    const range = { fromMs, untilMs: lastMs + 1 };
    return this.writeFile(folder, range, (write) => writeBlock(content, write));
  }

  /**
   * As `write`, for stamped samples.
   *
   * @param range from the first sample to the end of the last
   */
  writeStamped(folder: string, range: TimeRange, content: StampedContent): Promise<StoredBlock> {
    return this.writeFile(folder, range, (write) => writeStampedBlock(content, write));
  }

  private async writeFile(
    folder: string,
    { fromMs, untilMs }: TimeRange,
    writeContent: Parameters<typeof writeBlockFile>[2],
  ): Promise<StoredBlock> {
    const { files, dataFolder } = this.parts;
    const sequence = this.nextSequence++;
    const name = blockFileName({ fromMs, untilMs, sequence });
    const inFolder = blocksFolder(dataFolder, folder);
    await files.makeFolder(inFolder);
    const sizeBytes = await writeBlockFile(files, path.join(inFolder, name), writeContent);
    await this.parts.inventory?.add([[blockPath(folder, name), sizeBytes]]);
    return { folder, name, fromMs, untilMs, sequence, sizeBytes };
  }

  /** Adds blocks to the list and removes others, in one step. */
  exchange(folder: string, added: readonly StoredBlock[], removed: readonly StoredBlock[]): void {
    const gone = new Set(removed);
    this.retired.push(...removed);
    if (removed.length > 0) this.versions.set(folder, this.versionOf(folder) + 1);
    const blocks = [...this.blocksOf(folder).filter((block) => !gone.has(block)), ...added];
    blocks.sort((left, right) => left.fromMs - right.fromMs || left.sequence - right.sequence);
    this.newest = undefined;
    if (blocks.length === 0) this.byFolder.delete(folder);
    else this.byFolder.set(folder, blocks);
  }

  /**
   * Deletes the files of blocks that left the list before the previous call.
   *
   * @throws the system's error
   */
  async removeRetired(): Promise<void> {
    const { retired } = this;
    this.retired = [];
    await this.forget(retired);
    for (const block of retired) {
      await this.reader.release(block);
      await this.parts.files.remove(this.reader.pathOf(block));
    }
  }

  /** @throws the system's error */
  async deleteFolder(folder: string): Promise<void> {
    await this.forget(this.blocksOf(folder));
    for (const block of this.blocksOf(folder)) await this.reader.release(block);
    this.byFolder.delete(folder);
    this.newest = undefined;
    this.versions.set(folder, this.versionOf(folder) + 1);
    await this.parts.files.removeTree(blocksFolder(this.parts.dataFolder, folder));
  }

  private async forget(blocks: readonly StoredBlock[]): Promise<void> {
    await this.parts.inventory?.forget(blocks.map((block) => this.relativePathOf(block)));
  }

  /** Bytes of a block; 0 when its file is gone. */
  async sizeOf(block: StoredBlock): Promise<number> {
    block.sizeBytes ??= (await this.parts.files.facts(this.reader.pathOf(block)))?.sizeBytes ?? 0;
    return block.sizeBytes;
  }

  /** A number that grows when blocks of a folder are replaced or deleted. */
  versionOf(folder: string): number {
    return this.versions.get(folder) ?? 0;
  }

  /** Notes that a block cannot be opened, unless it has left the list. */
  reportDamage(block: StoredBlock, error: unknown): void {
    if (this.blocksOf(block.folder).includes(block)) this.damaged.report(block, error);
  }
}

/** The range of the samples of a block; empty when it has none. */
function extentOf({ stamped, sliced, timestamps }: BlockDirectory): TimeRange {
  const [from, last] =
    sliced !== undefined
      ? [sliced.fromMs, sliced.lastMs]
      : stamped !== undefined
        ? [stamped.map(({ fromMs }) => fromMs), stamped.map(({ lastMs }) => lastMs)]
        : [timestamps.slice(0, 1), timestamps.slice(-1)];
  let [fromMs, untilMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const timeMs of from) fromMs = Math.min(fromMs, timeMs);
  for (const timeMs of last) untilMs = Math.max(untilMs, timeMs + 1);
  return { fromMs, untilMs };
}
