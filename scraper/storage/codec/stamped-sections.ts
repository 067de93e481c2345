import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { bitsOf, isAbsentAt } from "../../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { MAX_LAYOUT_SERIES } from "../model/layout-registry.js";
import { absentColumn } from "../model/piece.js";
import { SampleCutter, type SeriesSamples } from "../model/stamped.js";
import { type BlockGroup, GROUP_COLUMNS, MAGIC_BYTES, MAX_ROWS } from "./block-frame.js";
import type { GroupColumns } from "./group-reader.js";
import { readRuns, writeRuns } from "./number-runs.js";

/** Series that are coded together, in one group: first their different lists of times, then their values. */
export interface StampedSection {
  readonly fromMs: number;
  /** Time of the last sample, inclusive. */
  readonly lastMs: number;
  /** Numbers of series of the block. */
  readonly series: Uint32Array;
  /** Column of the times of each series. */
  readonly timesOf: Uint8Array;
  /** Number of lists of times. */
  readonly timesCount: number;
}

/** A series of a block to be written. */
export interface NumberedSamples extends SeriesSamples {
  /** Number of the series in the block. */
  readonly number: number;
}

/** A section to be written, and the columns of its group. */
export interface StampedSectionContent extends StampedSection {
  readonly columns: readonly Float64Array[];
}

/**
 * Makes sections of series. Series with equal times get one column of times, and a section has series of
 * similar length, since all columns are as long as the longest.
 *
 * @param all series with at least one sample, whose equal times are one array
 */
export function* sectionsOf(all: readonly NumberedSamples[]): Generator<StampedSectionContent> {
  const byTimes = new Map<Float64Array, NumberedSamples[]>();
  for (const each of all) {
    const same = byTimes.get(each.timestamps);
    if (same === undefined) byTimes.set(each.timestamps, [each]);
    else same.push(each);
  }
  const groups = [...byTimes].sort(([left], [right]) => right.length - left.length);
  let section: { times: Float64Array[]; series: NumberedSamples[]; timesOf: number[] } | undefined;
  for (const [times, series] of groups) {
    for (const each of series) {
      const longest = section?.times[0]?.length ?? 0;
      const isNewTimes = section?.times.at(-1) !== times;
      const columns = (section?.times.length ?? 0) + (section?.series.length ?? 0);
      const isFull = columns + (isNewTimes ? 2 : 1) > GROUP_COLUMNS;
      if (section !== undefined && (isFull || 2 * times.length < longest)) {
        yield contentOf(section);
        section = undefined;
      }
      section ??= { times: [], series: [], timesOf: [] };
      if (section.times.at(-1) !== times) section.times.push(times);
      section.series.push(each);
      section.timesOf.push(section.times.length - 1);
    }
  }
  if (section !== undefined) yield contentOf(section);
}

function contentOf(section: {
  readonly times: readonly Float64Array[];
  readonly series: readonly NumberedSamples[];
  readonly timesOf: readonly number[];
}): StampedSectionContent {
  const { times, series, timesOf } = section;
  const rows = itemAt(times, 0).length;
  const columns = [...times, ...series.map(({ values }) => values)];
  return {
    fromMs: times.reduce((from, each) => Math.min(from, each[0] ?? from), Infinity),
    lastMs: times.reduce((last, each) => Math.max(last, each.at(-1) ?? last), -Infinity),
    series: Uint32Array.from(series, ({ number }) => number),
    timesOf: Uint8Array.from(timesOf),
    timesCount: times.length,
    columns: columns.map((values) => padded(values, rows)),
  };
}

function padded(values: Float64Array, rows: number): Float64Array {
  if (values.length === rows) return values;
  const column = absentColumn(rows);
  column.set(values);
  return column;
}

/** Writes the directory of sections. See block.format.md, "Blocks of stamped samples". */
export function writeStampedSections(
  sections: readonly StampedSection[],
  groups: readonly BlockGroup[],
  writer: ByteWriter,
): void {
  writer.varint(sections.length);
  for (const [index, { fromMs, lastMs, series, timesOf, timesCount }] of sections.entries()) {
    const { rows, lengthBytes, checksum } = itemAt(groups, index);
    writer.signedVarint(fromMs);
    writer.varint(lastMs - fromMs);
    writeRuns(series, writer);
    writer.varint(timesCount);
    writer.raw(timesOf);
    writer.varint(rows);
    writer.varint(lengthBytes);
    writer.u32(checksum);
  }
}

/** @throws {MalformedBytesError} when the bytes make no sense */
export function readStampedSections(reader: ByteReader): {
  readonly sections: StampedSection[];
  readonly groups: BlockGroup[];
  readonly endBytes: number;
} {
  const sections: StampedSection[] = [];
  const groups: BlockGroup[] = [];
  let offsetBytes = MAGIC_BYTES;
  for (let left = reader.count(MAX_LAYOUT_SERIES); left > 0; left--) {
    const fromMs = reader.signedVarint();
    const lastMs = fromMs + reader.varint();
    const series = readRuns(reader, GROUP_COLUMNS);
    const timesCount = reader.count(GROUP_COLUMNS - series.length);
    const timesOf = reader.raw(series.length).slice();
    if (timesOf.some((column) => column >= timesCount))
      throw new MalformedBytesError("Cannot read block: a series has no times");
    sections.push({ fromMs, lastMs, series, timesOf, timesCount });
    const rows = reader.count(MAX_ROWS);
    const lengthBytes = reader.varint();
    const columns = timesCount + series.length;
    groups.push({ columns, rows, offsetBytes, lengthBytes, checksum: reader.u32() });
    offsetBytes += lengthBytes;
  }
  return { sections, groups, endBytes: offsetBytes };
}

/**
 * Reads some series of a section.
 *
 * @param wanted places of the series in the section, ascending
 * @returns the samples in the range; those with equal times share them
 */
export function readStampedGroup(
  { timesOf, timesCount }: StampedSection,
  group: GroupColumns,
  wanted: readonly number[],
  range: TimeRange,
): SeriesSamples[] {
  const cutter = new SampleCutter(range);
  const timesColumns = [...new Set(wanted.map((place) => timesOf[place] as number))];
  const decoded = [...group.read([...timesColumns, ...wanted.map((place) => timesCount + place)])];
  const times = new Map(
    timesColumns.map((column, index) => [column, withoutPadding(itemAt(decoded, index))]),
  );
  return wanted.map((place, index) => {
    const timestamps = times.get(timesOf[place] as number) ?? new Float64Array(0);
    const values = itemAt(decoded, timesColumns.length + index);
    return cutter.cut({ timestamps, values: values.subarray(0, timestamps.length) });
  });
}

function withoutPadding(times: Float64Array): Float64Array {
  const bits = bitsOf(times);
  let { length } = times;
  while (length > 0 && isAbsentAt(bits, length - 1)) length--;
  return times.subarray(0, length);
}
