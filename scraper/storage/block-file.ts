import path from "node:path";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Files, ReadFile } from "../../exporter/shared/platform/files.js";
import {
  type BlockDirectory,
  type BlockGroup,
  decodeDirectory,
  decodeFooter,
  FOOTER_BYTES,
  GROUP_COLUMNS,
  openGroup,
} from "./block-codec.js";
import type { GroupColumns } from "./group-codec.js";
import { LruCache } from "./lru-cache.js";
import { DamagedDataError } from "./storage-errors.js";

const BLOCK_NAME = /^(-?\d{1,16})-(-?\d{1,16})-(\d{1,16})\.block$/;
/** Read from the end of a block at once: footer, and in most cases the whole directory. */
const TAIL_BYTES = 16_384;
const DIRECTORY_CACHE_BYTES = 32 * 1024 * 1024;
const GROUP_CACHE_BYTES = 32 * 1024 * 1024;
/** What a label set costs in memory, roughly; for the bound of the cache. */
const LABEL_SET_BYTES = 300;

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
  private readonly directories = new LruCache<BlockDirectory>(DIRECTORY_CACHE_BYTES);
  private readonly groups = new LruCache<GroupColumns>(GROUP_CACHE_BYTES);

  constructor(
    private readonly files: Files,
    private readonly dataFolder: string,
  ) {}

  pathOf(block: BlockName): string {
    return path.join(blocksFolder(this.dataFolder, block.folder), block.name);
  }

  /**
   * @throws {DamagedDataError} when it is not what was written; the system's error when it cannot
   * be read
   */
  async directory(block: BlockName): Promise<BlockDirectory> {
    const filePath = this.pathOf(block);
    const known = this.directories.get(filePath);
    if (known !== undefined) return known;
    const directory = await this.withFile(filePath, async (file) => {
      const tailAt = Math.max(0, file.sizeBytes - TAIL_BYTES);
      const tail = await file.read(tailAt, file.sizeBytes - tailAt);
      if (tail.length < FOOTER_BYTES)
        throw new DamagedDataError(filePath, 0, `it has ${tail.length} bytes only`);
      const footer = decodeFooter(tail.subarray(-FOOTER_BYTES), file.sizeBytes);
      const inTail = footer.offsetBytes - tailAt;
      const bytes =
        inTail >= 0
          ? tail.subarray(inTail, inTail + footer.lengthBytes)
          : await file.read(footer.offsetBytes, footer.lengthBytes);
      return decodeDirectory(bytes, footer);
    });
    const sizeBytes = directory.series.length * LABEL_SET_BYTES + directory.timestamps.byteLength;
    this.directories.set(filePath, directory, sizeBytes);
    return directory;
  }

  /** Columns in the order wanted, which is ascending. @throws {DamagedDataError} as `directory` */
  async columns(block: BlockName, wanted: readonly number[]): Promise<Float64Array[]> {
    const directory = await this.directory(block);
    const filePath = this.pathOf(block);
    const read = async (file: ReadFile): Promise<Float64Array[]> => {
      const found: Float64Array[] = [];
      for (let at = 0; at < wanted.length;) {
        const number = Math.floor((wanted[at] as number) / GROUP_COLUMNS);
        const first = number * GROUP_COLUMNS;
        let end = at;
        while (end < wanted.length && (wanted[end] as number) < first + GROUP_COLUMNS) end++;
        const group = await this.group(filePath, file, directory, number);
        found.push(...group.read(wanted.slice(at, end).map((column) => column - first)));
        at = end;
      }
      return found;
    };
    return this.withFile(filePath, read);
  }

  /** Checks every byte that a checksum covers. @returns what is wrong, nothing when all is well */
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
      const { series } = await this.directory(block);
      for (let first = 0; first < series.length; first += GROUP_COLUMNS) {
        const until = Math.min(first + GROUP_COLUMNS, series.length);
        await this.columns(
          block,
          Array.from({ length: until - first }, (_, index) => first + index),
        ).catch(note);
      }
    } catch (error) {
      note(error);
    }
    return problems;
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
    const file = await this.files.openRead(filePath);
    try {
      return await use(file);
    } catch (error) {
      if (error instanceof DamagedDataError) throw error;
      throw new DamagedDataError(filePath, 0, messageOf(error), { cause: error });
    } finally {
      await file.close();
    }
  }
}
