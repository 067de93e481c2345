import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isDense } from "../model/piece.js";

/** Rough memory of a column besides its values. */
const COLUMN_BYTES = 400;
/** New memory has room for this share of the present rows, and at least for `SPARE_ROWS`. */
const GROWTH = 1 / 8;
export const SPARE_ROWS = 32;

/**
 * Values of one series in all rows of its table over a stretch of time, or the timestamps of these
 * rows. It grows at both ends. Views handed out before stay valid.
 */
export class CachedColumn {
  /** False when some value was a staleness marker or ABSENT. */
  isDense: boolean;
  /** Number of the query that used it last. */
  usedAt = 0;
  /** Earliest time a query wanted since rows were last dropped: later rows are kept. */
  askedFromMs: number;
  private start = 0;
  private rowCount: number;
  private memory: Float64Array;

  /** @param values kept, not copied, together with the unused memory after them */
  constructor(
    /** Labels of the target included. */
    readonly labels: Labels,
    public fromMs: number,
    public untilMs: number,
    values: Float64Array,
  ) {
    const room = Math.floor((values.buffer.byteLength - values.byteOffset) / 8);
    this.memory = new Float64Array(values.buffer, values.byteOffset, room);
    this.rowCount = values.length;
    this.askedFromMs = fromMs;
    this.isDense = isDense(values);
  }

  get sizeBytes(): number {
    return this.memory.buffer.byteLength + COLUMN_BYTES;
  }

  get rows(): number {
    return this.rowCount;
  }

  /** Rows that fit without new memory. */
  get room(): number {
    return this.memory.length - this.start - this.rowCount;
  }

  /** All values; a view. */
  get values(): Float64Array {
    return this.memory.subarray(this.start, this.start + this.rowCount);
  }

  /** Values of the rows `[from, until)`, counted from the first row held; a view. */
  view(from: number, until: number): Float64Array {
    return this.memory.subarray(this.start + from, this.start + until);
  }

  /** Adds rows after the last. */
  append(values: Float64Array, untilMs: number): void {
    this.untilMs = untilMs;
    if (values.length === 0) return;
    if (values.length > this.room) this.move(this.values, values.length);
    this.memory.set(values, this.start + this.rowCount);
    this.rowCount += values.length;
    if (this.isDense) this.isDense = isDense(values);
  }

  /** Adds rows before the first. */
  prepend(values: Float64Array, fromMs: number): void {
    this.fromMs = fromMs;
    if (values.length === 0) return;
    const { values: later } = this;
    this.move(values, later.length + SPARE_ROWS);
    this.memory.set(later, values.length);
    this.rowCount += later.length;
    if (this.isDense) this.isDense = isDense(values);
  }

  /** Removes the first rows. */
  drop(rows: number, fromMs: number): void {
    this.start += rows;
    this.rowCount -= rows;
    this.fromMs = fromMs;
  }

  /** Copies these values to new memory, with room for more rows after them. */
  private move(values: Float64Array, room: number): void {
    const spare = Math.max(SPARE_ROWS, Math.ceil(values.length * GROWTH));
    const memory = new Float64Array(values.length + room + spare);
    memory.set(values);
    this.memory = memory;
    this.start = 0;
    this.rowCount = values.length;
  }
}
