import path from "node:path";
import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";
import {
  type BlockDirectory,
  type BlockFooter,
  type BlockGroup,
  type BlockSection,
  decodeDirectory,
  decodeFooter,
  findCopy,
  FOOTER_BYTES,
  openGroup,
  requireChecksum,
} from "../codec/block-codec.js";
import { BlockLayouts } from "../codec/block-layouts.js";
import { readColumns, readSection } from "../codec/block-sections.js";
import type { GroupColumns } from "../codec/group-codec.js";
import { LruCache } from "../model/lru-cache.js";
import { OpenFiles } from "../model/open-files.js";
import { DamagedDataError } from "../model/storage-errors.js";

const BLOCK_NAME = /^(-?\d{1,16})-(-?\d{1,16})-(\d{1,16})\.block$/;
/** Read from the end of a block at once: footer, and in most cases the whole directory. */
const TAIL_BYTES = 16_384;
/** Where the first directory of a block is looked for when the second cannot be read. */
const COPY_SEARCH_BYTES = 16 * 1024 * 1024;
const LAYOUT_CACHE_BYTES = 16 * 1024 * 1024;
const DIRECTORY_CACHE_BYTES = 16 * 1024 * 1024;
const GROUP_CACHE_BYTES = 16 * 1024 * 1024;
/** What a directory costs in memory besides its series and timestamps, roughly. */
const DIRECTORY_BYTES = 1024;
const GROUP_PLACE_BYTES = 100;
/** Block files held open for reading. */
const MAX_OPEN_BLOCKS = 512;

/** What the name of a block says. */
export interface BlockName {
  /** Folder of the host, relative to the data folder. */
  readonly folder: string;
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of two late blocks, the one with the lower number was written first. */
  readonly sequence: number;
}

export function blockFileName({
  fromMs,
  untilMs,
  sequence,
}: Omit<BlockName, "name" | "folder">): string {
  return `${fromMs}-${untilMs}-${sequence}.block`;
}

/** @returns undefined when it is no name of a block */
export function parseBlockName(folder: string, name: string): BlockName | undefined {
  const match = BLOCK_NAME.exec(name);
  if (match === null) return undefined;
  return {
    folder,
    name,
    fromMs: Number(match[1]),
    untilMs: Number(match[2]),
    sequence: Number(match[3]),
  };
}

export const blocksFolder = (dataFolder: string, folder: string): string =>
  path.join(dataFolder, folder, "blocks");

/** Reads blocks, no more of each than is asked for, and keeps what was read last. */
export class BlockReader {
  private readonly layouts = new BlockLayouts(LAYOUT_CACHE_BYTES);
  private readonly directories = new LruCache<FoundDirectory>(DIRECTORY_CACHE_BYTES);
  private readonly groups = new LruCache<GroupColumns>(GROUP_CACHE_BYTES);
  private readonly open: OpenFiles;
  private readonly paths = new WeakMap<BlockName, string>();

  constructor(
    files: Files,
    private readonly dataFolder: string,
  ) {
    this.open = new OpenFiles(files, MAX_OPEN_BLOCKS);
  }

  /** Memory of all that is kept of blocks read. */
  get sizeBytes(): number {
    return this.layouts.sizeBytes + this.directories.sizeBytes + this.groups.sizeBytes;
  }

  get openCount(): number {
    return this.open.count;
  }

  pathOf(block: BlockName): string {
    let known = this.paths.get(block);
    if (known === undefined) {
      known = path.join(blocksFolder(this.dataFolder, block.folder), block.name);
      this.paths.set(block, known);
    }
    return known;
  }

  /** The directory if it is at hand. */
  knownDirectory(block: BlockName): FoundDirectory | undefined {
    return this.directories.get(this.pathOf(block));
  }

  /** Closes the file of a block that is about to be removed. */
  release(block: BlockName): Promise<void> {
    return this.open.close(this.pathOf(block));
  }

  close(): Promise<void> {
    return this.open.closeAll();
  }

  /**
   * @throws {DamagedDataError} when it is not what was written; the system's error when it cannot
   * be read
   */
  async directory(block: BlockName): Promise<FoundDirectory> {
    const filePath = this.pathOf(block);
    const known = this.directories.get(filePath);
    if (known !== undefined) return known;
    const directory = await this.withFile(filePath, (file) => this.readDirectory(filePath, file));
    const placesBytes = directory.groups.length * GROUP_PLACE_BYTES;
    const sizeBytes = DIRECTORY_BYTES + placesBytes + directory.timestamps.byteLength;
    this.directories.set(filePath, directory, sizeBytes);
    return directory;
  }

  /**
   * Columns in the order wanted, which is ascending.
   *
   * @param onDamage takes what is wrong with a group, of which the values are ABSENT then
   * @throws {DamagedDataError} as `directory`, and without `onDamage` for a damaged group
   */
  async columns(
    block: BlockName,
    wanted: ArrayLike<number>,
    onDamage?: (error: unknown) => void,
  ): Promise<Float64Array[]> {
    const directory = await this.directory(block);
    const filePath = this.pathOf(block);
    return this.withFile(filePath, (file) =>
      readColumns(directory, wanted, async (number) => {
        try {
          return await this.group(filePath, file, directory, number);
        } catch (error) {
          if (onDamage === undefined || !isDamage(error)) throw error;
          onDamage(error);
          return undefined;
        }
      }),
    );
  }

  /**
   * Columns of a section; undefined for series it lacks.
   *
   * @throws {DamagedDataError}
   */
  async sectionColumns(
    block: BlockName,
    section: BlockSection,
    wanted: readonly number[],
  ): Promise<(Float64Array | undefined)[]> {
    const directory = await this.directory(block);
    const filePath = this.pathOf(block);
    return this.withFile(filePath, (file) =>
      readSection(section, wanted, (number) => this.group(filePath, file, directory, number)),
    );
  }

  /**
   * The stored bytes of a group, checked.
   *
   * @throws {DamagedDataError} as `directory`
   */
  async groupBytes(block: BlockName, number: number): Promise<Uint8Array> {
    const { groups } = await this.directory(block);
    const { offsetBytes, lengthBytes, checksum } = groups[number] as BlockGroup;
    return this.withFile(this.pathOf(block), async (file) => {
      const bytes = await file.read(offsetBytes, lengthBytes);
      requireChecksum(bytes, checksum, "group of columns");
      return bytes;
    });
  }

  /**
   * Checks every byte that a checksum covers.
   *
   * @returns what is wrong, nothing when all is well
   */
  async verify(block: BlockName): Promise<DamagedDataError[]> {
    const problems: DamagedDataError[] = [];
    const note = (error: unknown): void => {
      problems.push(
        error instanceof DamagedDataError
          ? error
          : new DamagedDataError(this.pathOf(block), 0, messageOf(error)),
      );
    };
    try {
      const { groups, damage } = await this.readAgain(block);
      if (damage !== undefined) note(damage);
      for (const number of groups.keys()) await this.groupBytes(block, number).catch(note);
    } catch (error) {
      note(error);
    }
    return problems;
  }

  private readAgain(block: BlockName): Promise<FoundDirectory> {
    const filePath = this.pathOf(block);
    return this.withFile(filePath, (file) => this.readDirectory(filePath, file));
  }

  private async group(
    filePath: string,
    file: ReadFile,
    directory: BlockDirectory,
    number: number,
  ): Promise<GroupColumns> {
    const key = `${filePath}#${number}`;
    const known = this.groups.get(key);
    if (known !== undefined) return known;
    const place = directory.groups[number] as BlockGroup;
    const bytes = await file.read(place.offsetBytes, place.lengthBytes);
    const group = await openGroup(bytes, place, directory);
    this.groups.set(key, group, group.sizeBytes);
    return group;
  }

  private async withFile<Result>(
    filePath: string,
    use: (file: ReadFile) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.open.use(filePath, use);
    } catch (error) {
      if (error instanceof DamagedDataError) throw error;
      throw new DamagedDataError(filePath, 0, messageOf(error), { cause: error });
    }
  }

  /** @throws {MalformedBytesError} when the block has no directory that can be read */
  private async readDirectory(filePath: string, file: ReadFile): Promise<FoundDirectory> {
    const tailAt = Math.max(0, file.sizeBytes - TAIL_BYTES);
    const tail = await file.read(tailAt, file.sizeBytes - tailAt);
    if (tail.length < FOOTER_BYTES)
      throw new DamagedDataError(filePath, 0, `it has ${tail.length} bytes only`);
    try {
      return await this.decodeAt(
        file,
        decodeFooter(tail.subarray(-FOOTER_BYTES), file.sizeBytes),
        tail,
      );
    } catch (damage) {
      const searchAt = Math.max(0, file.sizeBytes - COPY_SEARCH_BYTES);
      const footer = findCopy(await file.read(searchAt, file.sizeBytes - searchAt), searchAt);
      if (footer === undefined) throw damage;
      return { ...(await this.decodeAt(file, footer, tail)), damage };
    }
  }

  private async decodeAt(
    file: ReadFile,
    footer: BlockFooter,
    tail: Uint8Array,
  ): Promise<BlockDirectory> {
    const inTail = footer.offsetBytes - (file.sizeBytes - tail.length);
    const bytes =
      inTail >= 0
        ? tail.subarray(inTail, inTail + footer.lengthBytes)
        : await file.read(footer.offsetBytes, footer.lengthBytes);
    return decodeDirectory(bytes, footer, this.layouts);
  }
}

/** A directory, and what is wrong with the one that should have been read first. */
export type FoundDirectory = BlockDirectory & { readonly damage?: unknown };

/** True when bytes are wrong, not the system. */
export function isDamage(error: unknown): boolean {
  return error instanceof DamagedDataError || error instanceof MalformedBytesError;
}
