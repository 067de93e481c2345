import { concatenated } from "../model/stamped.js";
import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { MAX_LAYOUT_SERIES } from "../model/layout-registry.js";
import {
  type BlockFooter,
  type BlockGroup,
  FIRST_WITH_SECTIONS,
  FOOTER_BYTES,
  GROUP_COLUMNS,
  MAGIC_BYTES,
  MAX_ROWS,
  requireChecksum,
  SLICED_VERSION,
  STAMPED_VERSION,
} from "./block-frame.js";
import { ColumnEncoder, decodeColumn } from "./column-codec.js";
import { inflateOrFail } from "./group-reader.js";
import { readPairs, writeLabelSets, writePairs } from "./label-set-codec.js";
import { readRuns, writeRuns } from "./number-runs.js";
import type { SeriesListCache } from "./series-list-cache.js";
import { readSlicedSections, type SlicedSections, type SliceWriter } from "./stamped-slices.js";
import { readStampedSections, type StampedSection } from "./stamped-sections.js";

/** Bit of the flags in the directory. */
const IS_LATE = 1;
const MAX_SECTIONS = 1 << 16;

/** The parts of a block that its directory describes. */
export interface BlockOutline {
  readonly target: Labels;
  /**
   * True for rows that arrived after newer ones. Of two samples at one instant, the one in a block
   * that is not late wins.
   */
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  /** In the order of time, without overlap. */
  readonly sections: readonly SectionOutline[];
}

/** Rows whose columns are coded together. */
export interface SectionOutline {
  readonly timestamps: Float64Array;
  /** Number of each column among the series of the block. */
  readonly columns: Uint32Array;
}

/** A decoded directory. */
export interface BlockDirectory {
  readonly version: number;
  readonly target: Labels;
  readonly isLate: boolean;
  readonly series: readonly Labels[];
  /** Of all sections, one after the other. */
  readonly timestamps: Float64Array;
  readonly sections: readonly BlockSection[];
  /** Of all sections, one after the other. */
  readonly groups: readonly BlockGroup[];
  /** Set for a block of stamped samples of version 4, which has no other sections. One group for each. */
  readonly stamped?: readonly StampedSection[];
  /** Set for a block of stamped samples of version 5, which has no other sections, and no groups. */
  readonly sliced?: SlicedSections;
}

export interface BlockSection {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstGroup: number;
  /** Number of each column among the series of the block. */
  readonly columns: Uint32Array;
  /** Column of each series of the block, -1 for none; undefined when both numbers are the same. */
  readonly columnOf: Int32Array | undefined;
}

/** @param groups of all sections, one after the other */
export function encodeDirectory(outline: BlockOutline, groups: readonly BlockGroup[]): Uint8Array {
  const encoder = new ColumnEncoder();
  const writer = new ByteWriter(4096);
  writer.u8(outline.isLate ? IS_LATE : 0);
  writePairs(outline.target.pairs, writer);
  writer.varint(outline.sections.length);
  let firstGroup = 0;
  for (const { timestamps, columns } of outline.sections) {
    writer.varint(timestamps.length);
    encoder.encode(timestamps, writer);
    writeRuns(columns, writer);
    const count = Math.ceil(columns.length / GROUP_COLUMNS);
    writer.varint(count);
    for (const group of groups.slice(firstGroup, firstGroup + count)) {
      writer.varint(group.columns);
      writer.varint(group.lengthBytes);
      writer.u32(group.checksum);
    }
    firstGroup += count;
  }
  const labelSets = outline.series.map(({ pairs }) => pairs);
  writeLabelSets(labelSets, writer);
  return writer.written();
}

/** @param slices has written the sections */
export function encodeStampedDirectory(
  { target, series }: Pick<BlockOutline, "target" | "series">,
  slices: SliceWriter,
): Uint8Array {
  const writer = new ByteWriter(4096);
  writer.u8(IS_LATE);
  writePairs(target.pairs, writer);
  slices.writeDirectory(writer);
  const labelSets = series.map(({ pairs }) => pairs);
  writeLabelSets(labelSets, writer);
  return writer.written();
}

/** @throws {MalformedBytesError} when the bytes do not match their checksum or make no sense */
export async function decodeDirectory(
  bytes: Uint8Array,
  footer: BlockFooter,
  seriesLists: SeriesListCache,
): Promise<BlockDirectory> {
  requireChecksum(bytes, footer.checksum, "directory");
  const reader = new ByteReader(await inflateOrFail(bytes));
  const isLate = (reader.u8() & IS_LATE) !== 0;
  const target = readPairs(reader);
  const hasSections = footer.version >= FIRST_WITH_SECTIONS;
  if (footer.version === SLICED_VERSION) {
    const { endBytes, ...sliced } = readSlicedSections(reader);
    const series = seriesLists.read(reader);
    requireEnd(footer, endBytes, bytes.length);
    requireSeries(sliced.sections, series.length);
    const nothing = { timestamps: new Float64Array(0), sections: [], groups: [] };
    return { version: footer.version, target, isLate, series, ...nothing, sliced };
  }
  if (footer.version === STAMPED_VERSION) {
    const { sections: stamped, groups, endBytes } = readStampedSections(reader);
    const series = seriesLists.read(reader);
    requireEnd(footer, endBytes, bytes.length);
    requireSeries(stamped, series.length);
    const timestamps = new Float64Array(0);
    const { version } = footer;
    return { version, target, isLate, series, timestamps, sections: [], groups, stamped };
  }
  const found = new SectionsReader(reader);
  for (let left = hasSections ? reader.count(MAX_SECTIONS) : 1; left > 0; left--)
    found.read(hasSections);
  const series = seriesLists.read(reader);
  const { groups, timestamps } = found;
  const sections = found.sectionsOf(series.length);
  requireEnd(footer, found.offsetBytes, bytes.length);
  return { version: footer.version, target, isLate, series, timestamps, sections, groups };
}

/** True for a block whose samples are stamped. */
export const isStamped = ({ stamped, sliced }: BlockDirectory): boolean =>
  stamped !== undefined || sliced !== undefined;

function requireSeries(
  sections: readonly { readonly series: Uint32Array }[],
  seriesCount: number,
): void {
  if (sections.some(({ series }) => series.some((number) => number >= seriesCount)))
    throw new MalformedBytesError("Cannot read block: its sections do not fit its series");
  for (const { series } of sections) requireDistinct(series);
}

/** @throws {MalformedBytesError} when a section has a series twice */
function requireDistinct(numbers: Uint32Array): void {
  const isAscending = numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0));
  if (!isAscending && new Set(numbers).size < numbers.length)
    throw new MalformedBytesError("Cannot read block: a section has a series twice");
}

/** @throws {MalformedBytesError} when neither directory of the block begins where its groups end */
function requireEnd(footer: BlockFooter, firstAt: number, directoryBytes: number): void {
  const secondAt = firstAt + directoryBytes + FOOTER_BYTES;
  if (footer.offsetBytes !== firstAt && footer.offsetBytes !== secondAt)
    throw new MalformedBytesError("Cannot read block: its groups do not end at its directory");
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
    return this.times.length === 1 && only !== undefined ? only : concatenated(this.times);
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

  /** @param seriesCount number of series of the block */
  sectionsOf(seriesCount: number): BlockSection[] {
    let firstRow = 0;
    return this.found.map(({ rows, firstGroup, columns: named, count }) => {
      const columns = named ?? Uint32Array.from({ length: count }, (_, column) => column);
      if (count !== columns.length || columns.some((number) => number >= seriesCount))
        throw new MalformedBytesError("Cannot read block: its columns do not fit its series");
      requireDistinct(columns);
      const columnOf = invert(columns, seriesCount);
      const section = { firstRow, rows, firstGroup, columns, columnOf };
      firstRow += rows;
      return section;
    });
  }
}

function invert(columns: Uint32Array, seriesCount: number): Int32Array | undefined {
  const isSame =
    columns.length === seriesCount && columns.every((number, column) => number === column);
  if (isSame) return undefined;
  const columnOf = new Int32Array(seriesCount).fill(-1);
  columns.forEach((number, column) => (columnOf[number] = column));
  return columnOf;
}
