import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import { ByteReader, MalformedBytesError } from "../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../exporter/shared/journal/byte-writer.js";
import { crc32c } from "../../exporter/shared/journal/crc32c.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import { ColumnEncoder, decodeColumn } from "./column-codec.js";
import { type GroupColumns, GroupEncoder, GroupReader, inflateOrFail } from "./group-codec.js";
import { GroupReaderV1 } from "./group-v1.js";
import { readLabelSets, readPairs, writeLabelSets, writePairs } from "./label-set-codec.js";
import { MAX_LAYOUT_SERIES } from "./layout-registry.js";

const deflate = promisify(deflateRaw);

/** First bytes of a block, and its last ones; the version of the format follows. See block.format.md. */
const MAGIC = Uint8Array.of(0x50, 0x49, 0x48, 0x42, 0x4c, 0x4f, 0x43); // "PIHBLOC"
const MAGIC_BYTES = MAGIC.length + 1;
/** Version 1 differs in its groups; it is read, and written no more. */
const VERSION = 2;
/** Offset (6), length (4) and crc32c (4) of the directory, then the magic bytes again. */
export const FOOTER_BYTES = 22;
/** Columns compressed together: what must be read for one of them. */
export const GROUP_COLUMNS = 64;
const DEFLATE_LEVEL = 9;
const IS_LATE = 1;
const MAX_ROWS = 1 << 24;

/** What a block holds. */
export interface BlockContent {
  readonly target: Labels;
  /**
   * Rows that arrived behind later ones: of two samples at one instant, one in a block that is not
   * late wins.
   */
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  readonly timestamps: Float64Array;
  /** Values of the columns `[from, until)`, asked for once each and in order. */
  columns(from: number, until: number): Promise<readonly Float64Array[]> | readonly Float64Array[];
}

export interface BlockGroup {
  readonly columns: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

export interface BlockDirectory {
  readonly version: number;
  readonly target: Labels;
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  readonly timestamps: Float64Array;
  readonly groups: readonly BlockGroup[];
}

/** Where the directory is, and of what version the block. */
export interface BlockFooter {
  readonly version: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

/** The bytes of a block file. */
export async function encodeBlock(content: BlockContent): Promise<Uint8Array> {
  const encoder = new ColumnEncoder();
  const file = new ByteWriter(65_536);
  writeMagic(file);
  const groupEncoder = new GroupEncoder();
  const groups: BlockGroup[] = [];
  for (let from = 0; from < content.series.length; from += GROUP_COLUMNS) {
    const until = Math.min(from + GROUP_COLUMNS, content.series.length);
    const bytes = await groupEncoder.encode(await content.columns(from, until));
    const group = {
      columns: until - from,
      offsetBytes: file.length,
      lengthBytes: bytes.length,
      checksum: crc32c(bytes),
    };
    groups.push(group);
    file.raw(bytes);
  }
  const directory = await deflate(encodeDirectory(content, groups, encoder), {
    level: DEFLATE_LEVEL,
  });
  const offsetBytes = file.length;
  file.raw(directory);
  file.u16(Math.floor(offsetBytes / 2 ** 32));
  file.u32(offsetBytes % 2 ** 32);
  file.u32(directory.length);
  file.u32(crc32c(directory));
  writeMagic(file);
  return file.written();
}

/**
 * @param bytes the last `FOOTER_BYTES` of the file. @throws {MalformedBytesError} when they are no
 * footer
 */
export function decodeFooter(bytes: Uint8Array, fileBytes: number): BlockFooter {
  const reader = new ByteReader(bytes);
  const offsetBytes = reader.u16() * 2 ** 32 + reader.u32();
  const lengthBytes = reader.u32();
  const checksum = reader.u32();
  const isBlock = MAGIC.every((byte, index) => bytes[FOOTER_BYTES - MAGIC_BYTES + index] === byte);
  const version = bytes[FOOTER_BYTES - 1] as number;
  if (!isBlock || offsetBytes + lengthBytes + FOOTER_BYTES !== fileBytes)
    throw new MalformedBytesError("Cannot read block: it does not end like one");
  if (version < 1 || version > VERSION) {
    throw new MalformedBytesError(
      `Cannot read block: its version is ${version}, it must be 1 to ${VERSION}`,
    );
  }
  return { version, offsetBytes, lengthBytes, checksum };
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function decodeDirectory(
  bytes: Uint8Array,
  footer: BlockFooter,
): Promise<BlockDirectory> {
  requireChecksum(bytes, footer.checksum, "directory");
  const reader = new ByteReader(await inflateOrFail(bytes));
  const isLate = (reader.u8() & IS_LATE) !== 0;
  const target = readPairs(reader);
  const timestamps = new Float64Array(reader.count(MAX_ROWS));
  decodeColumn(reader, timestamps);
  const groups: BlockGroup[] = [];
  let offsetBytes = MAGIC_BYTES;
  for (let count = reader.count(MAX_LAYOUT_SERIES); count > 0; count--) {
    const columns = reader.count(GROUP_COLUMNS);
    const lengthBytes = reader.varint();
    groups.push({ columns, offsetBytes, lengthBytes, checksum: reader.u32() });
    offsetBytes += lengthBytes;
  }
  const series = readLabelSets(reader);
  const columns = groups.reduce((sum, group) => sum + group.columns, 0);
  if (offsetBytes !== footer.offsetBytes || columns !== series.length) {
    throw new MalformedBytesError("Cannot read block: its directory contradicts itself");
  }
  return { version: footer.version, target, isLate, series, timestamps, groups };
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function openGroup(
  bytes: Uint8Array,
  group: BlockGroup,
  { version, timestamps }: BlockDirectory,
): Promise<GroupColumns> {
  requireChecksum(bytes, group.checksum, "group of columns");
  const size = { columns: group.columns, rows: timestamps.length };
  return version === 1 ? GroupReaderV1.open(bytes, size) : GroupReader.open(bytes, size);
}

function writeMagic(writer: ByteWriter): void {
  writer.raw(MAGIC);
  writer.u8(VERSION);
}

function encodeDirectory(
  content: BlockContent,
  groups: readonly BlockGroup[],
  encoder: ColumnEncoder,
): Uint8Array {
  const writer = new ByteWriter(4096);
  writer.u8(content.isLate ? IS_LATE : 0);
  writePairs(content.target.pairs, writer);
  writer.varint(content.timestamps.length);
  encoder.encode(content.timestamps, writer);
  writer.varint(groups.length);
  for (const { columns, lengthBytes, checksum } of groups) {
    writer.varint(columns);
    writer.varint(lengthBytes);
    writer.u32(checksum);
  }
  writeLabelSets(
    content.series.map(({ pairs }) => pairs),
    writer,
  );
  return writer.written();
}

function requireChecksum(bytes: Uint8Array, checksum: number, what: string): void {
  if (crc32c(bytes) !== checksum)
    throw new MalformedBytesError(`Cannot read block: a ${what} does not match its checksum`);
}
