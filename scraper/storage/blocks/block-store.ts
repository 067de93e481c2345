import path from "node:path";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { type Files, TEMPORARY_SUFFIX } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import type { BlockContent } from "../codec/block-codec.js";
import {
  blockFileName,
  type BlockName,
  BlockReader,
  blocksFolder,
  type FoundDirectory,
  parseBlockName,
} from "./block-file.js";
import { writeBlockFile } from "./block-writer.js";
import { SNAPSHOTS_FOLDER } from "../model/data-folder.js";
import { OwnNames } from "../selection/own-names.js";
import type { Pace } from "../model/pace.js";
import { cutRows } from "../model/piece.js";
import type { SeriesSelection } from "../selection/series-selection.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockFinder, BlockPiece, FoundInBlocks } from "../query/storage-querier.js";
import { tableName } from "../head/table.js";

/** Folders of the data folder that hold no tables. */
const OTHER_FOLDERS = ["journal", SNAPSHOTS_FOLDER];
/** Blocks whose directories are read at the same time. */
const CONCURRENT_READS = 16;
/** What looking into a directory costs, in values looked at. */
const WORK_PER_BLOCK = 64;

export interface BlockStoreParts {
  readonly files: Files;
  readonly log: Logger;
  readonly dataFolder: string;
  readonly counters: StorageCounters;
  /** True when files of unfinished blocks are to stay: another program may be writing them. */
  readonly isReadOnly?: boolean;
}

/** A block on disk. */
export interface StoredBlock extends BlockName {
  /** Undefined until it was asked for. */
  sizeBytes: number | undefined;
  /** What matchers need to leave it aside; known once its directory was read. */
  facts?: BlockFacts;
}

interface BlockFacts {
  readonly target: Labels;
  /** Name of its table. */
  readonly table: string;
  /** Names of the labels that its series have of their own. */
  readonly ownNames: ReadonlySet<string>;
}

/** All blocks of all hosts: which there are, what is in them, and how new ones are written. */
export class BlockStore implements BlockFinder {
  readonly reader: BlockReader;
  private readonly byFolder = new Map<string, readonly StoredBlock[]>();
  /** Blocks that could not be read: reported once, then left alone. */
  private readonly damaged = new Set<StoredBlock>();
  /** Blocks with a part that cannot be read: the others are. */
  private readonly partlyDamaged = new Set<StoredBlock>();
  /** How often blocks of a folder were replaced or deleted. */
  private readonly versions = new Map<string, number>();
  private readonly ownNames = new OwnNames();
  private nextSequence = 1;
  /** Blocks replaced or deleted, whose files queries under way may still read. */
  private retired: StoredBlock[] = [];

  private constructor(private readonly parts: BlockStoreParts) {
    this.reader = new BlockReader(parts.files, parts.dataFolder);
  }

  /** Lists what is there. What cannot be listed is logged. */
  static async open(parts: BlockStoreParts): Promise<BlockStore> {
    const store = new BlockStore(parts);
    for (const folder of await store.tableFolders()) await store.loadFolder(folder);
    return store;
  }

  /** Blocks of a folder, in the order of their first sample. */
  blocksOf(folder: string): readonly StoredBlock[] {
    return this.byFolder.get(folder) ?? [];
  }

  folders(): string[] {
    return [...this.byFolder.keys()];
  }

  all(): StoredBlock[] {
    return [...this.byFolder.values()].flat();
  }

  /** False for a block of which something cannot be read: it stays as it is. */
  isMergeable(block: StoredBlock): boolean {
    return !this.damaged.has(block) && !this.partlyDamaged.has(block);
  }

  newestMs(folder: string): number {
    return this.blocksOf(folder).reduce(
      (newest, { untilMs }) => Math.max(newest, untilMs - 1),
      Number.NEGATIVE_INFINITY,
    );
  }

  /**
   * Writes a block. It counts only once `add` was called.
   *
   * @throws the system's error
   */
  async write(folder: string, content: BlockContent): Promise<StoredBlock> {
    const { files, dataFolder } = this.parts;
    const fromMs = content.sections[0]?.timestamps[0] as number;
    const untilMs = (content.sections.at(-1)?.timestamps.at(-1) as number) + 1;
    const sequence = this.nextSequence++;
    const name = blockFileName({ fromMs, untilMs, sequence });
    const inFolder = blocksFolder(dataFolder, folder);
    await files.makeFolder(inFolder);
    const sizeBytes = await writeBlockFile(files, path.join(inFolder, name), content);
    return { folder, name, fromMs, untilMs, sequence, sizeBytes };
  }

  /** Makes blocks visible to queries and others not, in one step. */
  exchange(folder: string, added: readonly StoredBlock[], removed: readonly StoredBlock[]): void {
    const gone = new Set(removed);
    this.retired.push(...removed);
    if (removed.length > 0) this.versions.set(folder, this.versionOf(folder) + 1);
    const blocks = [...this.blocksOf(folder).filter((block) => !gone.has(block)), ...added];
    blocks.sort((left, right) => left.fromMs - right.fromMs || left.sequence - right.sequence);
    if (blocks.length === 0) this.byFolder.delete(folder);
    else this.byFolder.set(folder, blocks);
  }

  /**
   * Removes the files of blocks that left before the call before this one.
   *
   * @throws the system's error
   */
  async removeRetired(): Promise<void> {
    const { retired } = this;
    this.retired = [];
    for (const block of retired) {
      await this.reader.release(block);
      await this.parts.files.remove(this.reader.pathOf(block));
    }
  }

  /** @throws the system's error */
  async deleteFolder(folder: string): Promise<void> {
    for (const block of this.blocksOf(folder)) await this.reader.release(block);
    this.byFolder.delete(folder);
    this.versions.set(folder, this.versionOf(folder) + 1);
    await this.parts.files.removeTree(blocksFolder(this.parts.dataFolder, folder));
  }

  /** Bytes of a block; 0 when its file is gone. */
  async sizeOf(block: StoredBlock): Promise<number> {
    block.sizeBytes ??= (await this.parts.files.facts(this.reader.pathOf(block)))?.sizeBytes ?? 0;
    return block.sizeBytes;
  }

  versionOf(folder: string): number {
    return this.versions.get(folder) ?? 0;
  }

  plan(selection: SeriesSelection, range: TimeRange, pace: Pace): () => Promise<FoundInBlocks> {
    const planned: StoredBlock[] = [];
    for (const blocks of this.byFolder.values()) {
      for (const block of blocks) {
        if (
          block.fromMs < range.untilMs &&
          block.untilMs > range.fromMs &&
          !this.damaged.has(block) &&
          canMatch(block, selection)
        )
          planned.push(block);
      }
    }
    return async () => {
      const found = new Array<BlockPiece | undefined>(planned.length);
      const unreadable = new Set<string>();
      const queue = planned.entries();
      const work = async (): Promise<void> => {
        for (const [index, block] of queue) {
          try {
            // Nearly always it is at hand; then nothing need be awaited.
            const directory =
              this.reader.knownDirectory(block) ?? (await this.reader.directory(block));
            found[index] = this.pieceOf(block, directory, selection, range);
          } catch (error) {
            unreadable.add(block.folder);
            this.setAside(block, error);
          }
          if (pace.isDue(WORK_PER_BLOCK)) await pace.pause();
        }
      };
      await Promise.all(Array.from({ length: Math.min(CONCURRENT_READS, planned.length) }, work));
      return { pieces: inOrderOfWriting(found.filter((piece) => piece !== undefined)), unreadable };
    };
  }

  /** Says that a block cannot be read; it is left out from now on. */
  setAside(block: StoredBlock, error: unknown): void {
    if (!this.blocksOf(block.folder).includes(block) || this.damaged.has(block)) return;
    const file = this.reader.pathOf(block);
    if (isPassing(error)) {
      this.parts.counters.damagedReads++;
      this.parts.log.warn("Block cannot be read now", { file, error: messageOf(error) });
      return;
    }
    this.damaged.add(block);
    this.parts.counters.damagedBlocks++;
    this.parts.log.error("Block is damaged and left out", { file, error: messageOf(error) });
  }

  /** Says that a part of a block cannot be read: once logged, as often counted as it is met. */
  reportPart(block: StoredBlock, error: unknown): void {
    this.parts.counters.damagedReads++;
    if (this.partlyDamaged.has(block)) return;
    this.partlyDamaged.add(block);
    const file = this.reader.pathOf(block);
    this.parts.log.error("Block is damaged in a part", { file, error: messageOf(error) });
  }

  private pieceOf(
    block: StoredBlock,
    directory: FoundDirectory,
    selection: SeriesSelection,
    range: TimeRange,
  ): BlockPiece | undefined {
    const { target, isLate, series, timestamps, damage } = directory;
    const facts = (block.facts ??= {
      target,
      table: tableName(block.folder, target),
      ownNames: this.ownNames.of(series),
    });
    if (damage !== undefined && this.isMergeable(block)) this.reportPart(block, damage);
    const from = firstAtOrAfter(timestamps, range.fromMs);
    const until = firstAtOrAfter(timestamps, range.untilMs);
    if (from >= until) return undefined;
    const { columns, labels } = selection.columnsOfBlock(series, selection.satisfiedBy(target));
    const piece = {
      labels,
      fromMs: timestamps[from] as number,
      lastMs: timestamps[until - 1] as number,
      rows: until - from,
      read: async (wanted: TimeRange) => {
        const onDamage = (error: unknown): void => this.reportPart(block, error);
        const values =
          columns.length === 0 ? [] : await this.reader.columns(block, columns, onDamage);
        return cutRows({ timestamps, columns: values }, wanted);
      },
    };
    const { folder, sequence } = block;
    return { folder, target: facts.target, table: facts.table, piece, isLate, sequence };
  }

  private async tableFolders(): Promise<string[]> {
    const found: string[] = [];
    for (const top of await this.subfolders("")) {
      if (OTHER_FOLDERS.includes(top)) continue;
      const below = await this.subfolders(top);
      if (below.includes("blocks")) found.push(top);
      found.push(...below.filter((name) => name !== "blocks").map((name) => `${top}/${name}`));
    }
    return found;
  }

  private async subfolders(folder: string): Promise<string[]> {
    try {
      const entries = await this.parts.files.list(path.join(this.parts.dataFolder, folder));
      return entries.filter(({ isFolder }) => isFolder).map(({ name }) => name);
    } catch (error) {
      this.parts.log.error("Data folder cannot be listed", { folder, error: messageOf(error) });
      return [];
    }
  }

  private async loadFolder(folder: string): Promise<void> {
    const inFolder = blocksFolder(this.parts.dataFolder, folder);
    try {
      if ((await this.parts.files.facts(inFolder)) === undefined) return;
      const blocks: StoredBlock[] = [];
      for (const { name } of await this.parts.files.list(inFolder)) {
        const block = parseBlockName(folder, name);
        if (block !== undefined) blocks.push({ ...block, sizeBytes: undefined });
        else if (name.endsWith(TEMPORARY_SUFFIX) && this.parts.isReadOnly !== true)
          await this.removeLeftover(path.join(inFolder, name));
      }
      for (const { sequence } of blocks)
        this.nextSequence = Math.max(this.nextSequence, sequence + 1);
      this.exchange(folder, blocks, []);
    } catch (error) {
      this.parts.log.error("Blocks cannot be listed", { folder, error: messageOf(error) });
    }
  }

  private async removeLeftover(filePath: string): Promise<void> {
    try {
      await this.parts.files.remove(filePath);
    } catch (error) {
      this.parts.log.warn("File of an unfinished block cannot be removed", {
        file: filePath,
        error: messageOf(error),
      });
    }
  }
}

function canMatch({ facts }: StoredBlock, selection: SeriesSelection): boolean {
  return (
    facts === undefined || selection.canMatch(facts.ownNames, selection.satisfiedBy(facts.target))
  );
}

/** Trouble of the system, such as too many open files, says nothing about the bytes. */
function isPassing(error: unknown): boolean {
  const code =
    codeOf(error instanceof Error && error.cause !== undefined ? error.cause : error) ?? "";
  return /^E[A-Z0-9]+$/.test(code) && code !== "ENOENT";
}

/**
 * Late blocks in the order in which they were written; the others, which do not contradict each
 * other, by time.
 */
function inOrderOfWriting(pieces: BlockPiece[]): BlockPiece[] {
  const late = pieces
    .filter(({ isLate }) => isLate)
    .sort((left, right) => left.sequence - right.sequence);
  return [...pieces.filter(({ isLate }) => !isLate), ...late];
}
