import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { BlockLayouts } from "./block-layouts.js";
import { ColumnEncoder, decodeColumn } from "./column-codec.js";
import { type GroupColumns, GroupReader, inflateOrFail } from "./group-codec.js";
import { GroupReaderV1 } from "./group-v1.js";
import { readPairs, writeLabelSets, writePairs } from "./label-set-codec.js";
import { MAX_LAYOUT_SERIES } from "../model/layout-registry.js";
import { readRuns, writeRuns } from "./number-runs.js";

const deflate = promisify(deflateRaw);

/** First bytes of a block, and its last ones; the version follows. See block.format.md. */
const MAGIC = Uint8Array.of(0x50, 0x49, 0x48, 0x42, 0x4c, 0x4f, 0x43); // "PIHBLOC"
const MAGIC_BYTES = MAGIC.length + 1;
/** Older ones are read, and written no more. */
const VERSION = 3;
/** From this version on groups are what `GroupReader` reads. */
const FIRST_WITH_CODED_STEPS = 2;
const FIRST_WITH_SECTIONS = 3;
/** Offset (6), length (4) and crc32c (4) of the directory, then the magic bytes again. */
export const FOOTER_BYTES = 22;
/** Columns compressed together: what must be read for one of them. */
export const GROUP_COLUMNS = 64;
const DEFLATE_LEVEL = 9;
const IS_LATE = 1;
const MAX_ROWS = 1 << 24;
const MAX_SECTIONS = 1 << 16;
/** The directory is written twice where it takes at most this part of the groups. */
const COPY_SHARE = 1 / 32;

/** What a block holds. */
export interface BlockContent {
  readonly target: Labels;
  /**
   * Rows that arrived behind later ones: of two samples at one instant, one in a block that is not
   * late wins.
   */
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  /** In the order of time; none overlaps another. */
  readonly sections: readonly SectionContent[];
}

/** Rows that are coded together. */
export interface SectionContent {
  readonly timestamps: Float64Array;
  /** Number in the series of the block for each column. */
  readonly columns: Uint32Array;
  /** All groups in order, asked for once: `GROUP_COLUMNS` columns each, the last what is left. */
  groups(): AsyncIterable<Uint8Array>;
}

export interface BlockGroup {
  readonly columns: number;
  readonly rows: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

export interface BlockDirectory {
  readonly version: number;
  readonly target: Labels;
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  /** Of all sections. */
  readonly timestamps: Float64Array;
  readonly sections: readonly BlockSection[];
  /** Those of the first section, then those of the next. */
  readonly groups: readonly BlockGroup[];
}

export interface BlockSection {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstGroup: number;
  /** Number in the series of the block for each column. */
  readonly columns: Uint32Array;
  /** Column for each series of the block, -1 for none; undefined when they are the same. */
  readonly columnOf: Int32Array | undefined;
}

/** Where the directory is, and of what version the block. */
export interface BlockFooter {
  readonly version: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

/**
 * Writes the bytes of a block, of which no more than a group and the directory are in memory.
 *
 * @param append takes the bytes in order
 */
export async function writeBlock(
  content: BlockContent,
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const magic = new ByteWriter(MAGIC_BYTES);
  writeMagic(magic);
  await append(magic.written());
  let offsetBytes = MAGIC_BYTES;
  const groups: BlockGroup[] = [];
  for (const section of content.sections) {
    let left = section.columns.length;
    for await (const bytes of section.groups()) {
      const columns = Math.min(left, GROUP_COLUMNS);
      const rows = section.timestamps.length;
      const [lengthBytes, checksum] = [bytes.length, crc32c(bytes)];
      groups.push({ columns, rows, offsetBytes, lengthBytes, checksum });
      left -= columns;
      offsetBytes += lengthBytes;
      await append(bytes);
    }
  }
  const directory = await deflate(encodeDirectory(content, groups), { level: DEFLATE_LEVEL });
  const copies = directory.length <= offsetBytes * COPY_SHARE ? 2 : 1;
  for (let copy = 0; copy < copies; copy++) {
    await append(directory);
    await append(footerOf(directory, offsetBytes));
    offsetBytes += directory.length + FOOTER_BYTES;
  }
}

function footerOf(directory: Uint8Array, offsetBytes: number): Uint8Array {
  const footer = new ByteWriter(FOOTER_BYTES);
  footer.u16(Math.floor(offsetBytes / 2 ** 32));
  footer.u32(offsetBytes % 2 ** 32);
  footer.u32(directory.length);
  footer.u32(crc32c(directory));
  writeMagic(footer);
  return footer.written();
}

/**
 * @param bytes the last `FOOTER_BYTES` before `endBytes`, the end of the file or of the first
 *   directory
 * @throws {MalformedBytesError} when they are no footer
 */
export function decodeFooter(bytes: Uint8Array, endBytes: number): BlockFooter {
  const reader = new ByteReader(bytes);
  const offsetBytes = reader.u16() * 2 ** 32 + reader.u32();
  const lengthBytes = reader.u32();
  const checksum = reader.u32();
  const isBlock = MAGIC.every((byte, index) => bytes[FOOTER_BYTES - MAGIC_BYTES + index] === byte);
  const version = bytes[FOOTER_BYTES - 1] as number;
  if (!isBlock || offsetBytes + lengthBytes + FOOTER_BYTES !== endBytes)
    throw new MalformedBytesError("Cannot read block: it does not end like one");
  if (version < 1 || version > VERSION) {
    throw new MalformedBytesError(
      `Cannot read block: its version is ${version}, it must be 1 to ${VERSION}`,
    );
  }
  return { version, offsetBytes, lengthBytes, checksum };
}

/**
 * Finds the directory that comes before the one at the end, if the block has two.
 *
 * @param tail the last bytes of the file, from `tailAt` on
 */
export function findCopy(tail: Uint8Array, tailAt: number): BlockFooter | undefined {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  const magic = Buffer.from(MAGIC);
  for (let from = bytes.length - FOOTER_BYTES; from > 0;) {
    const at = bytes.lastIndexOf(magic, from);
    if (at < 0) return undefined;
    const end = at + MAGIC_BYTES;
    try {
      if (end >= FOOTER_BYTES && end < bytes.length)
        return decodeFooter(bytes.subarray(end - FOOTER_BYTES, end), tailAt + end);
    } catch {
      // These bytes only look like it.
    }
    from = at - 1;
  }
  return undefined;
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function decodeDirectory(
  bytes: Uint8Array,
  footer: BlockFooter,
  layouts: BlockLayouts,
): Promise<BlockDirectory> {
  requireChecksum(bytes, footer.checksum, "directory");
  const reader = new ByteReader(await inflateOrFail(bytes));
  const isLate = (reader.u8() & IS_LATE) !== 0;
  const target = readPairs(reader);
  const hasSections = footer.version >= FIRST_WITH_SECTIONS;
  const found = new SectionsReader(reader);
  for (let left = hasSections ? reader.count(MAX_SECTIONS) : 1; left > 0; left--)
    found.read(hasSections);
  const series = layouts.read(reader);
  const { groups, timestamps } = found;
  const sections = found.sectionsOf(series.length);
  const isWhere = [found.offsetBytes, found.offsetBytes + bytes.length + FOOTER_BYTES];
  if (!isWhere.includes(footer.offsetBytes))
    throw new MalformedBytesError("Cannot read block: its directory contradicts itself");
  return { version: footer.version, target, isLate, series, timestamps, sections, groups };
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function openGroup(
  bytes: Uint8Array,
  group: BlockGroup,
  { version }: BlockDirectory,
): Promise<GroupColumns> {
  requireChecksum(bytes, group.checksum, "group of columns");
  const size = { columns: group.columns, rows: group.rows };
  const isCoded = version >= FIRST_WITH_CODED_STEPS;
  return isCoded ? GroupReader.open(bytes, size) : GroupReaderV1.open(bytes, size);
}

/** True when groups can be copied to a block of this version. */
export const isCopyable = ({ version }: BlockDirectory): boolean =>
  version >= FIRST_WITH_CODED_STEPS;

export function requireChecksum(bytes: Uint8Array, checksum: number, what: string): void {
  if (crc32c(bytes) !== checksum)
    throw new MalformedBytesError(`Cannot read block: a ${what} does not match its checksum`);
}

function writeMagic(writer: ByteWriter): void {
  writer.raw(MAGIC);
  writer.u8(VERSION);
}

function encodeDirectory(content: BlockContent, groups: readonly BlockGroup[]): Uint8Array {
  const encoder = new ColumnEncoder();
  const writer = new ByteWriter(4096);
  writer.u8(content.isLate ? IS_LATE : 0);
  writePairs(content.target.pairs, writer);
  writer.varint(content.sections.length);
  let group = 0;
  for (const { timestamps, columns } of content.sections) {
    writer.varint(timestamps.length);
    encoder.encode(timestamps, writer);
    writeRuns(columns, writer);
    const end = group + Math.ceil(columns.length / GROUP_COLUMNS);
    writer.varint(end - group);
    for (; group < end; group++) writeGroupPlace(groups[group] as BlockGroup, writer);
  }
  const labelSets = content.series.map(({ pairs }) => pairs);
  writeLabelSets(labelSets, writer);
  return writer.written();
}

function writeGroupPlace(group: BlockGroup, writer: ByteWriter): void {
  writer.varint(group.columns);
  writer.varint(group.lengthBytes);
  writer.u32(group.checksum);
}

/** Reads where the rows of a block are, section after section. */
class SectionsReader {
  readonly groups: BlockGroup[] = [];
  offsetBytes = MAGIC_BYTES;
  private readonly times: Float64Array[] = [];
  private readonly found: {
    readonly rows: number;
    readonly firstGroup: number;
    readonly columns: Uint32Array | undefined;
    readonly count: number;
  }[] = [];

  constructor(private readonly reader: ByteReader) {}

  get timestamps(): Float64Array {
    const [only] = this.times;
    return this.times.length === 1 && only !== undefined ? only : concatenate(this.times);
  }

  /** @param namesColumns false in old versions: their one section has all series as columns */
  read(namesColumns: boolean): void {
    const { reader, groups } = this;
    const rows = reader.count(MAX_ROWS);
    const timestamps = new Float64Array(rows);
    decodeColumn(reader, timestamps);
    this.times.push(timestamps);
    const columns = namesColumns ? readRuns(reader, MAX_LAYOUT_SERIES) : undefined;
    const firstGroup = groups.length;
    let count = 0;
    for (let left = reader.count(MAX_LAYOUT_SERIES); left > 0; left--) {
      const { offsetBytes } = this;
      const inGroup = reader.count(GROUP_COLUMNS);
      const lengthBytes = reader.varint();
      groups.push({ columns: inGroup, rows, offsetBytes, lengthBytes, checksum: reader.u32() });
      this.offsetBytes += lengthBytes;
      count += inGroup;
    }
    this.found.push({ rows, firstGroup, columns, count });
  }

  /** @param series number of series of the block */
  sectionsOf(series: number): BlockSection[] {
    let firstRow = 0;
    return this.found.map(({ rows, firstGroup, columns: named, count }) => {
      const columns = named ?? Uint32Array.from({ length: count }, (_, column) => column);
      if (count !== columns.length || columns.some((number) => number >= series))
        throw new MalformedBytesError("Cannot read block: its directory contradicts itself");
      const section = { firstRow, rows, firstGroup, columns, columnOf: invert(columns, series) };
      firstRow += rows;
      return section;
    });
  }
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}

function invert(columns: Uint32Array, series: number): Int32Array | undefined {
  if (columns.length === series && columns.every((number, column) => number === column))
    return undefined;
  const columnOf = new Int32Array(series).fill(-1);
  columns.forEach((number, column) => (columnOf[number] = column));
  return columnOf;
}
