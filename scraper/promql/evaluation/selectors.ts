import { bitsOf, isAbsentAt, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import { firstAfter } from "../../base/binary-search.js";
import type { SelectedSeries, SelectedTable } from "../../storage/model/querier.js";
import type { MatrixSelector, RangeExtension, VectorSelector } from "../language/ast.js";
import { shiftedTimes, windowMsOf } from "./durations.js";
import type { Evaluation, RangeRow, RangeSelection } from "./evaluation.js";
import { interpolate } from "./window-edges.js";
import { QueryExecutionError } from "../language/query-errors.js";
import type { QueryMeter } from "./query-meter.js";
import type { TimeGrid } from "./time-grid.js";
import { BlockBuilder, emptyBlock, type VectorBlock } from "./vector-block.js";
import { findWindows, type Windows } from "./windows.js";

/** The work of one series besides its values, in values for the pacer. */
const WORK_PER_SERIES = 16;

/** The part of a sample to select: its value or, for `timestamp()`, its time in seconds. */
type Wanted = "value" | "timestamp";

/** Selects the newest sample of every series at each step, at most the lookback old. */
export async function selectInstants(
  selector: VectorSelector,
  grid: TimeGrid,
  evaluation: Evaluation,
  wanted: Wanted = "value",
): Promise<VectorBlock> {
  const ends = shiftedTimes(selector, grid, evaluation.query);
  if (selector.extension === "smoothed" && wanted === "value")
    return selectSmoothed(selector, ends, evaluation);
  if (grid.count === 1) {
    const newest = await selectNewest(selector, ends, evaluation, wanted);
    if (newest !== undefined) return newest;
  }
  const tables = await selectTables(selector, ends, evaluation.lookbackMs, evaluation);
  const seriesCount = tables.reduce((total, { series }) => total + series.length, 0);
  if (seriesCount === 0) return emptyBlock(grid.count);
  evaluation.budget.take(seriesCount * grid.count);
  const builder = new BlockBuilder(grid.count, seriesCount);
  for (const { timestamps, series } of tables) {
    const windows = findWindows(timestamps, ends, evaluation.lookbackMs);
    const seconds = wanted === "timestamp" ? timestamps.map((timeMs) => timeMs / 1000) : undefined;
    for (const each of series) {
      evaluation.meter.countSamples(copyNewest(each, seconds ?? each.values, windows, builder));
      builder.finishRow(each.labels);
      const work = grid.count + (each.dense ? 0 : timestamps.length) + WORK_PER_SERIES;
      if (evaluation.pacer.isDue(work)) await evaluation.pacer.pause();
    }
  }
  return builder.build();
}

/** As `selectInstants` for one step, if the newest rows in memory hold all samples. */
async function selectNewest(
  { matchers }: VectorSelector,
  [endMs]: Float64Array,
  { querier, pacer, meter, budget, lookbackMs, maxSeries }: Evaluation,
  wanted: Wanted,
): Promise<VectorBlock | undefined> {
  if (querier.newest === undefined || endMs === undefined) return undefined;
  pacer.check();
  const range = { fromMs: endMs - lookbackMs + 1, untilMs: endMs + 1 };
  const { newest } = querier;
  const found = await meter.timeReading(() => newest.call(querier, matchers, range, pacer));
  if (found === undefined) return undefined;
  const { labels, values, timestamps } = found;
  if (labels.length > maxSeries) throw tooManySeries(labels.length, maxSeries);
  budget.take(labels.length);
  meter.countSamples(labels.length);
  return {
    steps: 1,
    labels,
    values: wanted === "timestamp" ? timestamps.map((timeMs) => timeMs / 1000) : values,
    present: new Uint8Array(labels.length).fill(1),
  };
}

/** @returns how many steps have a sample */
function copyNewest(
  { values, dense }: SelectedSeries,
  source: Float64Array,
  { from, until }: Windows,
  { values: target, present, offset }: BlockBuilder,
): number {
  const steps = from.length;
  let found = 0;
  if (dense) {
    for (let step = 0; step < steps; step++) {
      const end = until[step] as number;
      if (end === from[step]) continue;
      target[offset + step] = source[end - 1] as number;
      present[offset + step] = 1;
      found++;
    }
    return found;
  }
  const bits = bitsOf(values);
  // Windows only move forward, so each value is looked at once, however many are absent.
  let next = from[0] ?? 0;
  let index = -1;
  for (let step = 0; step < steps; step++) {
    const end = until[step] as number;
    for (; next < end; next++) if (!isAbsentAt(bits, next)) index = next;
    if (index < (from[step] as number) || isStaleAt(bits, index)) continue;
    target[offset + step] = source[index] as number;
    present[offset + step] = 1;
    found++;
  }
  return found;
}

/** Selects the samples in `(end - window, end]` of every series at each step. */
export async function selectRanges(
  { selector, window }: MatrixSelector,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<RangeSelection> {
  const windowMs = windowMsOf(window, evaluation.query);
  const ends = shiftedTimes(selector, grid, evaluation.query);
  const { extension } = selector;
  const { lastTimes, reachMs } = extendedReach(extension, ends, windowMs, evaluation.lookbackMs);
  const tables = await selectTables(selector, lastTimes, reachMs, evaluation);
  const rowCount = tables.reduce((total, { series }) => total + series.length, 0);
  for (const { series, timestamps } of tables)
    evaluation.budget.take(series.length * timestamps.length);
  const rows = () => rangeRows(tables, lastTimes, reachMs, evaluation.meter);
  return { windowMs, ends, extension, rowCount, rows };
}

/** Extends windows by the lookback before their start and, when smoothed, also after their end. */
function extendedReach(
  extension: RangeExtension | undefined,
  ends: Float64Array,
  windowMs: number,
  lookbackMs: number,
): { lastTimes: Float64Array; reachMs: number } {
  if (extension === undefined) return { lastTimes: ends, reachMs: windowMs };
  const aheadMs = extension === "smoothed" ? lookbackMs : 0;
  return {
    lastTimes: ends.map((endMs) => endMs + aheadMs),
    reachMs: windowMs + lookbackMs + aheadMs,
  };
}

/**
 * Interpolates at each step between the samples before and after it. After the last sample, its
 * value is used.
 */
async function selectSmoothed(
  selector: VectorSelector,
  times: Float64Array,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { lookbackMs, budget, meter, pacer } = evaluation;
  const { lastTimes, reachMs } = extendedReach("smoothed", times, 0, lookbackMs);
  const tables = await selectTables(selector, lastTimes, reachMs, evaluation);
  const rowCount = tables.reduce((total, { series }) => total + series.length, 0);
  budget.take(rowCount * times.length);
  const builder = new BlockBuilder(times.length, rowCount);
  for (const { labels, timestamps, values, from, until } of rangeRows(
    tables,
    lastTimes,
    reachMs,
    meter,
  )) {
    for (let step = 0; step < times.length; step++) {
      const timeMs = times[step] as number;
      const last = (until[step] as number) - 1;
      const before = Math.min(firstAfter(timestamps, timeMs) - 1, last);
      if (before < (from[step] as number)) continue;
      const isExact = before === last || (timestamps[before] as number) === timeMs;
      const value = isExact
        ? (values[before] as number)
        : interpolate(timestamps, values, before, timeMs, false);
      builder.values[builder.offset + step] = value;
      builder.present[builder.offset + step] = 1;
    }
    builder.finishRow(labels);
    if (pacer.isDue(times.length + timestamps.length)) await pacer.pause();
  }
  return builder.build();
}

function* rangeRows(
  tables: readonly SelectedTable[],
  ends: Float64Array,
  windowMs: number,
  meter: QueryMeter,
): Iterable<RangeRow> {
  for (const { timestamps, series } of tables) {
    const shared = findWindows(timestamps, ends, windowMs);
    const sharedSamples = samplesIn(shared);
    for (const { labels, values, dense } of series) {
      if (dense) {
        meter.countSamples(sharedSamples);
        yield { labels, nameDropped: 0, timestamps, values, ...shared };
      } else {
        const row = { labels, nameDropped: 0, ...realSamples(timestamps, values, ends, windowMs) };
        meter.countSamples(samplesIn(row));
        yield row;
      }
    }
  }
}

function samplesIn({ from, until }: Windows): number {
  let samples = 0;
  for (let step = 0; step < from.length; step++)
    samples += (until[step] as number) - (from[step] as number);
  return samples;
}

/** The samples without staleness markers and absent values, and their windows. */
function realSamples(
  timestamps: Float64Array,
  values: Float64Array,
  ends: Float64Array,
  windowMs: number,
): Omit<RangeRow, "labels" | "nameDropped"> {
  const bits = bitsOf(values);
  const keptTimestamps = new Float64Array(values.length);
  const keptValues = new Float64Array(values.length);
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    if (isAbsentAt(bits, index) || isStaleAt(bits, index)) continue;
    keptTimestamps[count] = timestamps[index] as number;
    keptValues[count++] = values[index] as number;
  }
  const kept = keptTimestamps.subarray(0, count);
  return {
    timestamps: kept,
    values: keptValues.subarray(0, count),
    ...findWindows(kept, ends, windowMs),
  };
}

async function selectTables(
  { matchers }: VectorSelector,
  ends: Float64Array,
  windowMs: number,
  { querier, pacer, meter, maxSeries }: Evaluation,
): Promise<SelectedTable[]> {
  if (ends.length === 0) return [];
  pacer.check();
  // A window excludes its start, and times are whole milliseconds.
  const fromMs = (ends[0] as number) - windowMs + 1;
  const untilMs = (ends[ends.length - 1] as number) + 1;
  const tables = await meter.timeReading(() =>
    querier.select(matchers, { fromMs, untilMs }, pacer),
  );
  pacer.check();
  const found = tables.reduce((total, { series }) => total + series.length, 0);
  if (found > maxSeries) throw tooManySeries(found, maxSeries);
  return tables;
}

function tooManySeries(found: number, maxSeries: number): QueryExecutionError {
  return new QueryExecutionError(
    `query selects ${found} series at once, it must be at most ${maxSeries}`,
  );
}
