import type { Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, isAbsentAt, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { columnsOfWindow, type HeadReader } from "../head/head-pieces.js";
import type { RowWindow } from "../head/row-window.js";
import { findStampedParts } from "../head/stamped-parts.js";
import type { StreamRows } from "../head/stream-rows.js";
import type { Table } from "../head/table.js";
import type { NewestSamples, Pace } from "../model/querier.js";
import type { SelectedColumns } from "../selection/selection-memory.js";
import type { SeriesSelection } from "../selection/series-selection.js";
import type { TargetLabelCache } from "../selection/target-labels.js";
import { areSurelyUnique } from "../selection/unique-series.js";

/** Rough memory of a sample of the answer. */
const BYTES_PER_SAMPLE = 100;
/** The work of one sample, in values for the pace. */
const WORK_PER_SAMPLE = 4;
const WORK_PER_TABLE = 16;

export interface NewestParts extends HeadReader {
  readonly targetLabels: TargetLabelCache;
}

/** The newest row of a table in the range, cut to the wanted columns. */
interface NewestRow {
  readonly target: Labels;
  readonly own: readonly Labels[];
  readonly timestampMs: number;
  readonly values: Float64Array;
}

/** A table whose newest samples are in more than one row. */
const SEVERAL_ROWS = Symbol("several rows");

/**
 * Reads the newest sample of each wanted series from the newest rows in memory, at a cost by series.
 * Nearly always these hold all of them.
 *
 * @returns undefined when other rows hold some of them
 */
export async function readNewest(
  parts: NewestParts,
  tables: Iterable<Table>,
  selection: SeriesSelection,
  range: TimeRange,
  pace: Pace,
): Promise<NewestSamples | undefined> {
  const rows: NewestRow[] = [];
  for (const table of tables) {
    const layout = table.streams.main.window?.sharedLayout;
    const satisfied = selection.satisfiedBy(table.key.labels);
    if (layout !== undefined && selection.known(layout, satisfied) === undefined)
      await selection.prepare(layout, satisfied, pace);
    const row = newestRow(parts, table, selection, range);
    if (row === SEVERAL_ROWS) return undefined;
    if (row !== undefined) rows.push(row);
    if (pace.isDue(WORK_PER_TABLE + WORK_PER_SAMPLE * (row?.own.length ?? 0))) await pace.pause();
  }
  if (rows.length > 1 && !(await areSurelyUnique(rows, pace))) return undefined;
  return samplesOf(rows, parts.targetLabels, pace);
}

async function samplesOf(
  rows: readonly NewestRow[],
  targetLabels: TargetLabelCache,
  pace: Pace,
): Promise<NewestSamples> {
  const most = rows.reduce((total, { own }) => total + own.length, 0);
  pace.hold(most * BYTES_PER_SAMPLE);
  const labels: Labels[] = [];
  const found = new Float64Array(most);
  const timestamps = new Float64Array(most);
  for (const { target, own, timestampMs, values } of rows) {
    const bits = bitsOf(values);
    let column = 0;
    for (const each of own) {
      if (!isStaleAt(bits, column)) {
        found[labels.length] = values[column] as number;
        timestamps[labels.length] = timestampMs;
        labels.push(targetLabels.join(each, target));
      }
      column++;
      if (pace.isDue(WORK_PER_SAMPLE)) await pace.pause();
    }
  }
  const count = labels.length;
  return { labels, values: found.subarray(0, count), timestamps: timestamps.subarray(0, count) };
}

function newestRow(
  parts: NewestParts,
  table: Table,
  selection: SeriesSelection,
  range: TimeRange,
): NewestRow | typeof SEVERAL_ROWS | undefined {
  const { main, late } = table.streams;
  const target = table.key.labels;
  if (overlaps(late, range)) return SEVERAL_ROWS;
  if (findStampedParts(parts, table, selection, range).length > 0) return SEVERAL_ROWS;
  if (main.lastMs < range.fromMs) return undefined;
  const { window } = main;
  if (main.coveredUntilMs > range.fromMs) return SEVERAL_ROWS;
  if (window === undefined || !window.hasNewest) return SEVERAL_ROWS;
  const satisfied = selection.satisfiedBy(target);
  const selected = columnsOfWindow(window, parts.registry, selection, satisfied);
  if (!hasAllColumns(main, selected, selection, satisfied, range)) return SEVERAL_ROWS;
  if (selected.columns.length === 0) return undefined;
  return rowAt(main, window, selected, target, range);
}

function rowAt(
  { lastMs }: StreamRows,
  window: RowWindow,
  { columns, labels: own }: SelectedColumns,
  target: Labels,
  range: TimeRange,
): NewestRow | typeof SEVERAL_ROWS | undefined {
  const values = new Float64Array(columns.length);
  let timestampMs = lastMs;
  if (lastMs < range.untilMs) window.copyNewest(columns, values);
  else {
    const row = window.rowAtOrAfter(range.untilMs) - 1;
    if (row < 0) return SEVERAL_ROWS;
    timestampMs = window.timestampAt(row);
    if (timestampMs < range.fromMs) return undefined;
    window.copyRow(row, columns, values);
  }
  const bits = bitsOf(values);
  for (let index = 0; index < values.length; index++)
    if (isAbsentAt(bits, index)) return SEVERAL_ROWS;
  return { target, own, timestampMs, values };
}

/** False when an older row in the range has a wanted series that the window lacks. */
function hasAllColumns(
  { chunks, window }: StreamRows,
  { labels }: SelectedColumns,
  selection: SeriesSelection,
  satisfied: number,
  range: TimeRange,
): boolean {
  let checked = window?.sharedLayout;
  let known: ReadonlySet<Labels> | undefined;
  for (let index = chunks.length - 1; index >= 0; index--) {
    const chunk = chunks[index];
    if (chunk === undefined || chunk.lastMs < range.fromMs) break;
    if (chunk.layout === checked || chunk.fromMs >= range.untilMs) continue;
    const inChunk = selection.known(chunk.layout, satisfied);
    if (inChunk === undefined) return false;
    known ??= new Set(labels);
    for (const each of inChunk.labels) if (!known.has(each)) return false;
    checked = chunk.layout;
  }
  return true;
}

function overlaps({ isEmpty, chunks, window }: StreamRows, range: TimeRange): boolean {
  if (isEmpty) return false;
  for (const { fromMs, lastMs } of chunks)
    if (lastMs >= range.fromMs && fromMs < range.untilMs) return true;
  if (window === undefined) return false;
  return window.rowAtOrAfter(range.fromMs) < window.rowAtOrAfter(range.untilMs);
}
