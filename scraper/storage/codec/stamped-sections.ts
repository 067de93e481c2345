import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { bitsOf, isAbsentAt } from "../../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { MAX_LAYOUT_SERIES } from "../model/layout-registry.js";
import { SampleCutter, type SeriesSamples } from "../model/stamped.js";
import { type BlockGroup, GROUP_COLUMNS, MAGIC_BYTES, MAX_ROWS } from "./block-frame.js";
import type { GroupColumns } from "./group-reader.js";
import { readRuns } from "./number-runs.js";

/** Series of a block of version 4 that are coded together, in one group: first their different lists of times, then their values. */
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
