import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";
import { openGroup } from "../codec/block-codec.js";
import {
  type BlockDirectory,
  type BlockSection,
  decodeDirectory,
} from "../codec/block-directory.js";
import {
  type BlockFooter,
  decodeFooter,
  findFirstFooter,
  FOOTER_BYTES,
  requireChecksum,
} from "../codec/block-frame.js";
import { readColumns, readSection } from "../codec/block-sections.js";
import type { GroupColumns } from "../codec/group-reader.js";
import { SeriesListCache } from "../codec/series-list-cache.js";
import type { SlicedSections } from "../codec/stamped-slices.js";
import { DamagedDataError, isDamage } from "../model/damage.js";
import { LruCache } from "../model/lru-cache.js";
import { OpenFiles } from "../model/open-files.js";
import type { SeriesSamples } from "../model/stamped.js";
import { type BlockName, blocksFolder } from "./block-name.js";
import { readStampedSeries, type StampedRead } from "./stamped-block-reader.js";

/** Read at once from the end of a block: the footer, and nearly always the whole directory. */
const TAIL_BYTES = 16_384;
/** The first directory is searched for in this part of the block when the second is damaged. */
const COPY_SEARCH_BYTES = 16 * 1024 * 1024;
/** Series lists, directories, and groups with slices get a third each. */
const DEFAULT_CACHE_BYTES = 48 * 1024 * 1024;
/** Rough memory of a directory besides its series and timestamps, and of the place of a group. */
const DIRECTORY_BYTES = 1024;
const GROUP_PLACE_BYTES = 100;
/** The same for the place of a slice, and for a slice besides its bytes. */
const SLICE_PLACE_BYTES = 32;
const SLICE_BYTES = 200;
/** A section with the numbers of its series. */
const SECTION_BYTES = 500;
/** Block files held open for reading. */
const MAX_OPEN_BLOCKS = 512;

/** A directory, and the error of reading the second one when the first had to take its place. */
export type FoundDirectory = BlockDirectory & { readonly damage?: unknown };

/** Reads the wanted parts of blocks, and caches the most recently used ones. */
export class BlockReader {
  private readonly seriesLists: SeriesListCache;
  private readonly directories: LruCache<FoundDirectory>;
  /** Groups of columns, and bytes of slices. */
  private readonly parts: LruCache<GroupColumns | Uint8Array>;
  private readonly open: OpenFiles;
  private readonly paths = new WeakMap<BlockName, string>();

  constructor(
    files: Files,
    private readonly dataFolder: string,
    cacheBytes = DEFAULT_CACHE_BYTES,
  ) {
    this.seriesLists = new SeriesListCache(cacheBytes / 3);
    this.directories = new LruCache<FoundDirectory>(cacheBytes / 3);
    this.parts = new LruCache<GroupColumns | Uint8Array>(cacheBytes / 3);
    this.open = new OpenFiles(files, MAX_OPEN_BLOCKS);
  }

  /** Memory of everything cached. */
  get sizeBytes(): number {
    return this.seriesLists.sizeBytes + this.directories.sizeBytes + this.parts.sizeBytes;
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

  /** The directory if it is cached. */
  knownDirectory(block: BlockName): FoundDirectory | undefined {
    return this.directories.get(this.pathOf(block));
  }

  /** Closes the file of a block that is about to be deleted. */
  release(block: BlockName): Promise<void> {
    return this.open.close(this.pathOf(block));
  }

  close(): Promise<void> {
    return this.open.closeAll();
  }

  /** @throws {DamagedDataError} when it cannot be read; `cause` is the system's error, if any */
  async directory(block: BlockName): Promise<FoundDirectory> {
    const filePath = this.pathOf(block);
    const known = this.directories.get(filePath);
    if (known !== undefined) return known;
    const directory = await this.withFile(block, (file) => this.readDirectory(filePath, file));
    const placesBytes = directory.groups.length * GROUP_PLACE_BYTES;
    const { sliced } = directory;
    const slicesBytes =
      (sliced?.samples.length ?? 0) * SLICE_PLACE_BYTES +
      (sliced?.sections.length ?? 0) * SECTION_BYTES;
    const sizeBytes = DIRECTORY_BYTES + placesBytes + slicesBytes + directory.timestamps.byteLength;
    this.directories.set(filePath, directory, sizeBytes);
    return directory;
  }

  /**
   * Reads columns over all rows of a block.
   *
   * @param wanted numbers of series, ascending
   * @param onDamage called for each damaged group, whose values are ABSENT then
   * @throws {DamagedDataError} as `directory`, and for a damaged group when there is no `onDamage`
   */
  async columns(
    block: BlockName,
    wanted: ArrayLike<number>,
    { pace, onDamage }: Partial<Pick<StampedRead, "pace" | "onDamage">> = {},
  ): Promise<Float64Array[]> {
    const directory = await this.directory(block);
    return this.withFile(block, (file) => {
      const groupAt = async (number: number): Promise<GroupColumns | undefined> => {
        try {
          return await this.group(block, file, directory, number);
        } catch (error) {
          if (onDamage === undefined || !isDamage(error)) throw error;
          onDamage(error);
          return undefined;
        }
      };
      return readColumns(directory, wanted, groupAt, pace);
    });
  }

  /**
   * Reads series of a block of stamped samples.
   *
   * @param wanted numbers of series, ascending
   * @returns one per wanted series; those with equal times may share them
   * @throws {DamagedDataError} as `directory`, and for a damaged part when there is no `onDamage`
   */
  async stampedSeries(
    block: BlockName,
    wanted: ArrayLike<number>,
    read: StampedRead,
  ): Promise<SeriesSamples[]> {
    const directory = await this.directory(block);
    const filePath = this.pathOf(block);
    return this.withFile(block, (file) =>
      readStampedSeries(
        {
          file,
          directory,
          group: (number) => this.group(block, file, directory, number),
          knownSlice: (slice) => {
            const known = this.parts.get(`${filePath}/${slice}`);
            return known instanceof Uint8Array ? known : undefined;
          },
          keepSlice: (slice, bytes) =>
            this.parts.set(`${filePath}/${slice}`, bytes, bytes.length + SLICE_BYTES),
        },
        wanted,
        read,
      ),
    );
  }

  /**
   * Reads columns of a section; undefined for a series that it lacks.
   *
   * @throws {DamagedDataError} as `directory`, and for a damaged group
   */
  async sectionColumns(
    block: BlockName,
    section: BlockSection,
    wanted: readonly number[],
  ): Promise<(Float64Array | undefined)[]> {
    const directory = await this.directory(block);
    return this.withFile(block, (file) =>
      readSection(section, wanted, (number) => this.group(block, file, directory, number)),
    );
  }

  /**
   * Reads the stored bytes of a group and verifies their checksum.
   *
   * @throws {DamagedDataError} as `directory`, and when the checksum is wrong
   */
  async groupBytes(block: BlockName, number: number): Promise<Uint8Array> {
    const { groups } = await this.directory(block);
    const { offsetBytes, lengthBytes, checksum } = itemAt(groups, number);
    return this.withFile(block, async (file) => {
      const bytes = await file.read(offsetBytes, lengthBytes);
      requireChecksum(bytes, checksum, "group of columns");
      return bytes;
    });
  }

  /**
   * Verifies every byte that a checksum covers, reading past the caches.
   *
   * @returns the problems found
   */
  async verify(block: BlockName): Promise<DamagedDataError[]> {
    const filePath = this.pathOf(block);
    const problems: DamagedDataError[] = [];
    const note = (error: unknown): void => {
      const isTyped = error instanceof DamagedDataError;
      problems.push(isTyped ? error : new DamagedDataError(filePath, 0, messageOf(error)));
    };
    try {
      const { groups, sliced, damage } = await this.withFile(block, (file) =>
        this.readDirectory(filePath, file),
      );
      if (damage !== undefined) note(damage);
      for (const number of groups.keys()) await this.groupBytes(block, number).catch(note);
      if (sliced !== undefined) await this.verifySlices(block, sliced, note);
    } catch (error) {
      note(error);
    }
    return problems;
  }

  private async verifySlices(
    block: BlockName,
    { offsetBytes, lengthBytes, checksums }: SlicedSections,
    note: (error: unknown) => void,
  ): Promise<void> {
    await this.withFile(block, async (file) => {
      for (const [slice, checksum] of checksums.entries()) {
        try {
          const bytes = await file.read(offsetBytes[slice] as number, lengthBytes[slice] as number);
          requireChecksum(bytes, checksum, "slice of samples");
        } catch (error) {
          note(error);
        }
      }
    });
  }

  private async group(
    block: BlockName,
    file: ReadFile,
    directory: BlockDirectory,
    number: number,
  ): Promise<GroupColumns> {
    const key = `${this.pathOf(block)}#${number}`;
    const known = this.parts.get(key);
    if (known !== undefined && !(known instanceof Uint8Array)) return known;
    const place = itemAt(directory.groups, number);
    const bytes = await file.read(place.offsetBytes, place.lengthBytes);
    const group = await openGroup(bytes, place, directory.version);
    this.parts.set(key, group, group.sizeBytes);
    return group;
  }

  private async withFile<Result>(
    block: BlockName,
    use: (file: ReadFile) => Promise<Result>,
  ): Promise<Result> {
    const filePath = this.pathOf(block);
    try {
      return await this.open.use(filePath, use);
    } catch (error) {
      if (error instanceof DamagedDataError) throw error;
      throw new DamagedDataError(filePath, 0, messageOf(error), { cause: error });
    }
  }

  /** @throws {MalformedBytesError} when the block has no directory that can be decoded */
  private async readDirectory(filePath: string, file: ReadFile): Promise<FoundDirectory> {
    const tailAt = Math.max(0, file.sizeBytes - TAIL_BYTES);
    const tail = await file.read(tailAt, file.sizeBytes - tailAt);
    if (tail.length < FOOTER_BYTES) {
      const detail = `it has ${tail.length} bytes, a footer has ${FOOTER_BYTES}`;
      throw new DamagedDataError(filePath, 0, detail);
    }
    try {
      const footer = decodeFooter(tail.subarray(-FOOTER_BYTES), file.sizeBytes);
      return await this.decodeAt(file, footer, tail);
    } catch (damage) {
      const searchAt = Math.max(0, file.sizeBytes - COPY_SEARCH_BYTES);
      const searched = await file.read(searchAt, file.sizeBytes - searchAt);
      const footer = findFirstFooter(searched, searchAt);
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
    return decodeDirectory(bytes, footer, this.seriesLists);
  }
}
