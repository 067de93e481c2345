import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isDense } from "../model/piece.js";

/** What a column costs in memory besides its values, roughly. */
const COLUMN_BYTES = 400;
/** Room made for rows to come, as a part of those that are there, and at least. */
const GROWTH = 1 / 8;
export const SPARE_ROWS = 32;

/**
 * Values of one series in all rows of its table in a stretch of time, or the timestamps of these rows. Grows at both
 * ends; views that were given away stay as they are.
 */
export class CachedColumn {
  /** False when some value was a staleness marker or ABSENT. */
  isDense: boolean;
  /** Number of the query that used it last. */
  usedAt = 0;
  /** Earliest time asked for since rows were dropped last: nothing from there on is dropped. */
  askedFromMs: number;
  private start = 0;
  private rowCount: number;
  private memory: Float64Array;

  /** @param values kept, not copied, with the room behind them */
  constructor(
    /** With those of the target. */
    readonly labels: Labels,
    public fromMs: number,
    public untilMs: number,
    values: Float64Array,
  ) {
    const room = Math.floor((values.buffer.byteLength - values.byteOffset) / 8);
    this.memory = new Float64Array(values.buffer as ArrayBuffer, values.byteOffset, room);
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

  /** How many rows can be added without new memory. */
  get room(): number {
    return this.memory.length - this.start - this.rowCount;
  }

  /** All values; a view. */
  get values(): Float64Array {
    return this.memory.subarray(this.start, this.start + this.rowCount);
  }

  /** Values of the rows `[from, until)`, counted from the first one held; a view. */
  view(from: number, until: number): Float64Array {
    return this.memory.subarray(this.start + from, this.start + until);
  }

  /** Adds rows behind those that are there. */
  append(values: Float64Array, untilMs: number): void {
    this.untilMs = untilMs;
    if (values.length === 0) return;
    if (values.length > this.room) this.move(this.values, values.length);
    this.memory.set(values, this.start + this.rowCount);
    this.rowCount += values.length;
    if (this.isDense) this.isDense = isDense(values);
  }

  /** Adds rows before those that are there. */
  prepend(values: Float64Array, fromMs: number): void {
    this.fromMs = fromMs;
    if (values.length === 0) return;
    const { values: later } = this;
    this.move(values, later.length + SPARE_ROWS);
    this.memory.set(later, values.length);
    this.rowCount += later.length;
    if (this.isDense) this.isDense = isDense(values);
  }

  /** Lets the first rows go. */
  drop(rows: number, fromMs: number): void {
    this.start += rows;
    this.rowCount -= rows;
    this.fromMs = fromMs;
  }

  /** Begins new memory with these values and room for so many more and some. */
  private move(values: Float64Array, room: number): void {
    const spare = Math.max(SPARE_ROWS, Math.ceil(values.length * GROWTH));
    const memory = new Float64Array(values.length + room + spare);
    memory.set(values);
    this.memory = memory;
    this.start = 0;
    this.rowCount = values.length;
  }
}
