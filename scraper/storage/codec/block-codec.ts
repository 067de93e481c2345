import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import {
  type BlockDirectory,
  type BlockOutline,
  encodeDirectory,
  encodeStampedDirectory,
  type SectionOutline,
} from "./block-directory.js";
import {
  type BlockGroup,
  encodeFooter,
  encodeMagic,
  FIRST_WITH_CODED_STEPS,
  FOOTER_BYTES,
  GROUP_COLUMNS,
  requireChecksum,
  SLICED_VERSION,
} from "./block-frame.js";
import { type GroupColumns, GroupReader } from "./group-reader.js";
import { GroupReaderV1 } from "./group-reader-v1.js";
import { ColumnEncoder } from "./column-codec.js";
import { SliceWriter, type StampedSectionContent } from "./stamped-slices.js";

const deflate = promisify(deflateRaw);
const DEFLATE_LEVEL = 9;
/** The directory is written twice when it takes at most this share of the bytes before it. */
const COPY_SHARE = 1 / 32;

/** The content of a block to be written. */
export interface BlockContent extends BlockOutline {
  readonly sections: readonly SectionContent[];
}

export interface SectionContent extends SectionOutline {
  /**
   * The coded groups in order, read once. Each has `GROUP_COLUMNS` columns, the last one may have
   * fewer.
   */
  groups(): AsyncIterable<Uint8Array>;
}

/**
 * Writes the bytes of a block: magic bytes, groups of columns, directory, footer (block.format.md).
 *
 * The content comes in group by group and its bytes go out at once, so only one group and the directory
 * are in memory. The loop of the storage that maintains blocks runs this. `openGroup` is the way back,
 * and runs on the loops of queries.
 *
 * @param write takes the bytes in order
 */
export async function writeBlock(
  content: BlockContent,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const magic = encodeMagic();
  await write(magic);
  let offsetBytes = magic.length;
  const groups: BlockGroup[] = [];
  for (const section of content.sections) {
    const rows = section.timestamps.length;
    let left = section.columns.length;
    for await (const bytes of section.groups()) {
      const columns = Math.min(left, GROUP_COLUMNS);
      const lengthBytes = bytes.length;
      groups.push({ columns, rows, offsetBytes, lengthBytes, checksum: crc32c(bytes) });
      left -= columns;
      offsetBytes += lengthBytes;
      await write(bytes);
    }
  }
  const directory = await deflate(encodeDirectory(content, groups), { level: DEFLATE_LEVEL });
  await writeDirectory(directory, { offsetBytes, version: undefined }, write);
}

/** A block of stamped samples to be written. */
export interface StampedContent {
  readonly target: Labels;
  readonly series: readonly Labels[];
  /** Read once, in order. */
  readonly sections: AsyncIterable<StampedSectionContent> | Iterable<StampedSectionContent>;
}

/**
 * Writes a block of stamped samples, slice by slice. Only one part of a section and the directory are in
 * memory.
 *
 * @param write takes the bytes in order
 */
export async function writeStampedBlock(
  { target, series, sections }: StampedContent,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const magic = encodeMagic(SLICED_VERSION);
  await write(magic);
  let offsetBytes = magic.length;
  const slices = new SliceWriter(new ColumnEncoder(), (bytes) => {
    offsetBytes += bytes.length;
    return write(bytes);
  });
  for await (const section of sections) await slices.writeSection(section);
  const directory = await deflate(encodeStampedDirectory({ target, series }, slices), {
    level: DEFLATE_LEVEL,
  });
  await writeDirectory(directory, { offsetBytes, version: SLICED_VERSION }, write);
}

/** Writes the directory, twice when it is small, and footers after it. */
async function writeDirectory(
  directory: Uint8Array,
  { offsetBytes, version }: { offsetBytes: number; version: number | undefined },
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  let at = offsetBytes;
  const copies = directory.length <= offsetBytes * COPY_SHARE ? 2 : 1;
  for (let copy = 0; copy < copies; copy++) {
    await write(directory);
    await write(encodeFooter(directory, at, version));
    at += directory.length + FOOTER_BYTES;
  }
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function openGroup(
  bytes: Uint8Array,
  group: BlockGroup,
  version: number,
): Promise<GroupColumns> {
  requireChecksum(bytes, group.checksum, "group of columns");
  const size = { columns: group.columns, rows: group.rows };
  const isCoded = version >= FIRST_WITH_CODED_STEPS;
  return isCoded ? GroupReader.open(bytes, size) : GroupReaderV1.open(bytes, size);
}

/** True when groups of the block can be copied to a new block. */
export const isCopyable = ({ version }: BlockDirectory): boolean =>
  version >= FIRST_WITH_CODED_STEPS;
