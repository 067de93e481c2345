import { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import { CachedColumn } from "./cached-column.js";
import type { AssembledRows } from "./row-assembly.js";

/** One series of an answer. */
export interface CachedSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  /** True when no value is a staleness marker or ABSENT. */
  readonly isDense: boolean;
}

export interface CachedRows {
  readonly timestamps: Float64Array;
  readonly series: readonly CachedSeries[];
}

/** Cached columns of one table, each over a stretch of time, and the timestamps of all their rows. */
export class TableColumns {
  private times: CachedColumn | undefined;
  /** By the key of their labels without target labels. */
  private readonly byKey = new Map<string, CachedColumn>();
  private bytes = 0;

  get sizeBytes(): number {
    return this.bytes;
  }

  get columns(): IterableIterator<[string, CachedColumn]> {
    return this.byKey.entries();
  }

  get count(): number {
    return this.byKey.size;
  }

  column(key: string): CachedColumn | undefined {
    return this.byKey.get(key);
  }

  remove(key: string): void {
    this.bytes -= this.byKey.get(key)?.sizeBytes ?? 0;
    this.byKey.delete(key);
  }

  clear(): void {
    this.byKey.clear();
    this.times = undefined;
    this.bytes = 0;
  }

  /**
   * Adds the timestamps of rows that were read from `range`. If the range does not touch the known
   * times, these and all columns are dropped.
   *
   * @returns false when they contradict the known times; then everything is dropped
   */
  addTimes(read: Float64Array, range: TimeRange): boolean {
    const { times } = this;
    if (times === undefined || range.fromMs > times.untilMs || range.untilMs < times.fromMs) {
      this.clear();
      // A copy: timestamps of blocks are shared.
      this.times = new CachedColumn(Labels.EMPTY, range.fromMs, range.untilMs, read.slice());
      this.bytes = this.times.sizeBytes;
      return true;
    }
    if (!this.agrees(times, read, range)) {
      this.clear();
      return false;
    }
    this.resize(times, () => extend(times, { timestamps: read, values: read }, range));
    return true;
  }

  /** Adds rows to a column that `range` touches. A column that was removed meanwhile is added again. */
  extendColumn(key: string, column: CachedColumn, read: ReadColumn, range: TimeRange): void {
    if (this.byKey.get(key) !== column) this.setColumn(key, column);
    if (column.room < read.values.length) this.dropUnasked(column);
    this.resize(column, () => extend(column, read, range));
  }

  setColumn(key: string, column: CachedColumn): void {
    this.remove(key);
    this.byKey.set(key, column);
    this.bytes += column.sizeBytes;
  }

  /** The rows of columns in a range, as views. Undefined when some rows are not known any more. */
  rows(columns: readonly CachedColumn[], range: TimeRange): CachedRows | undefined {
    const { times } = this;
    if (times === undefined || !covers(times, range)) return undefined;
    const all = times.values;
    const from = firstAtOrAfter(all, range.fromMs);
    const until = firstAtOrAfter(all, range.untilMs);
    let firstMs = NaN;
    let first = 0;
    const series: CachedSeries[] = [];
    for (const column of columns) {
      if (!covers(column, range) || column.fromMs < times.fromMs) return undefined;
      // Nearly always all columns begin at the same time.
      if (column.fromMs !== firstMs) first = firstAtOrAfter(all, (firstMs = column.fromMs));
      if (until - first > column.rows) return undefined;
      const { labels, isDense } = column;
      series.push({ labels, values: column.view(from - first, until - first), isDense });
    }
    return { timestamps: all.subarray(from, until), series };
  }

  /** Drops the rows that recent queries did not want, before memory grows for new rows. */
  private dropUnasked(column: CachedColumn): void {
    const { times } = this;
    if (times === undefined || column.askedFromMs <= column.fromMs || column.fromMs < times.fromMs)
      return;
    const first = firstAtOrAfter(times.values, column.fromMs);
    const rows = firstAtOrAfter(times.values, column.askedFromMs) - first;
    column.drop(Math.min(rows, column.rows), column.askedFromMs);
    column.askedFromMs = Number.POSITIVE_INFINITY;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { fromMs } of this.byKey.values()) earliestMs = Math.min(earliestMs, fromMs);
    if (earliestMs > times.fromMs && times.room === 0)
      times.drop(firstAtOrAfter(times.values, earliestMs), earliestMs);
  }

  private resize(column: CachedColumn, change: () => void): void {
    const before = column.sizeBytes;
    change();
    this.bytes += column.sizeBytes - before;
  }

  private agrees(times: CachedColumn, read: Float64Array, range: TimeRange): boolean {
    const fromMs = Math.max(range.fromMs, times.fromMs);
    const untilMs = Math.min(range.untilMs, times.untilMs);
    const known = times.values;
    const [from, until] = [firstAtOrAfter(known, fromMs), firstAtOrAfter(known, untilMs)];
    const offset = firstAtOrAfter(read, fromMs) - from;
    if (firstAtOrAfter(read, untilMs) - offset !== until) return false;
    for (let row = from; row < until; row++) if (known[row] !== read[row + offset]) return false;
    return true;
  }
}

export interface ReadColumn {
  readonly timestamps: AssembledRows["timestamps"];
  readonly values: Float64Array;
}

function covers({ fromMs, untilMs }: CachedColumn, range: TimeRange): boolean {
  return fromMs <= range.fromMs && untilMs >= range.untilMs;
}

/** Adds the rows of `read`, which are all rows of `range`, that lie before or after a column. */
function extend(column: CachedColumn, { timestamps, values }: ReadColumn, range: TimeRange): void {
  if (range.untilMs > column.untilMs) {
    const behind = firstAtOrAfter(timestamps, column.untilMs);
    column.append(values.subarray(behind), range.untilMs);
  }
  if (range.fromMs < column.fromMs) {
    const before = firstAtOrAfter(timestamps, column.fromMs);
    column.prepend(values.subarray(0, before), range.fromMs);
  }
}
