import { PihealthError } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import {
  bitsOf,
  isAbsentAt,
  isStaleAt,
  setAbsentAt,
} from "../../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import type { Chunk } from "./chunk.js";
import type { Pace } from "./querier.js";

/** Some columns of consecutive rows of one table. */
export interface PieceRows {
  readonly timestamps: Float64Array;
  /** One per label set of the piece. */
  readonly columns: readonly Float64Array[];
}

/** The part of a table that a query reads from one place: a window, a chunk or a block. */
export interface Piece {
  /** Label sets of the wanted columns, without target labels. */
  readonly labels: readonly Labels[];
  readonly fromMs: number;
  /** Time of the last row, inclusive. */
  readonly lastMs: number;
  /** Number of rows, or an upper bound. */
  readonly rows: number;
  /** Set when the rows need not be read. They are copied by each access, as long as they are in memory. */
  readonly inMemory?: PieceRows | undefined;
  /** Set for a chunk: many chunks are read together. */
  readonly inChunk?: ChunkPart;
  /** Set when rows after the range, up to this time, can be read at no extra cost. */
  readonly aheadUntilMs?: number;
  /**
   * Rows outside `range` may be left out.
   *
   * @throws {MovedRowsError} when the rows have moved to a block, and the query must search again
   * @throws the errors of `pace`
   */
  read(range: TimeRange, pace: Pace): Promise<PieceRows> | PieceRows;
  /** The same rows with the wanted columns from `from`, inclusive, to `until`, exclusive. */
  narrow?(from: number, until: number): Piece;
}

/** Rows have moved from the head to a block since they were found. */
export class MovedRowsError extends PihealthError {
  readonly code = "moved_rows";
}

/** The wanted columns of a chunk, and the range of its wanted rows. */
export interface ChunkPart {
  readonly chunk: Chunk;
  readonly columns: Uint32Array;
  readonly range: TimeRange;
}

/** Series that share timestamps, without target labels. */
export interface MergedRows {
  readonly timestamps: Float64Array;
  readonly series: readonly { readonly labels: Labels; readonly values: Float64Array }[];
}

/**
 * Merges parts of a table that may overlap. The result has every instant and every label set once. Of
 * two samples of a series at one instant, the one of the earlier part stays.
 */
export function mergePieces(
  parts: readonly { readonly labels: readonly Labels[]; readonly rows: PieceRows }[],
): MergedRows {
  const [only] = parts;
  if (only === undefined) return { timestamps: new Float64Array(0), series: [] };
  if (parts.length === 1)
    return { timestamps: only.rows.timestamps, series: zip(only.labels, only.rows.columns) };
  const timestamps = unionOf(parts.map(({ rows }) => rows.timestamps));
  const byKey = new Map<string, { labels: Labels; values: Float64Array }>();
  for (const { labels, rows } of parts) {
    const offsets = placesIn(timestamps, rows.timestamps);
    labels.forEach((own, index) => {
      const values = itemAt(rows.columns, index);
      let merged = byKey.get(own.key);
      if (merged === undefined) {
        merged = { labels: own, values: absentColumn(timestamps.length) };
        byKey.set(own.key, merged);
      }
      fill(merged.values, values, offsets);
    });
  }
  return { timestamps, series: [...byKey.values()] };
}

/** The rows within a range, as views. */
export function cutRows(rows: PieceRows, range: TimeRange): PieceRows {
  const from = firstAtOrAfter(rows.timestamps, range.fromMs);
  const until = firstAtOrAfter(rows.timestamps, range.untilMs);
  if (from === 0 && until === rows.timestamps.length) return rows;
  return {
    timestamps: rows.timestamps.subarray(from, until),
    columns: rows.columns.map((values) => values.subarray(from, until)),
  };
}

/** True when no value is a staleness marker or ABSENT. */
export function isDense(values: Float64Array): boolean {
  // Both are NaN. A view of the bits would cost more than a short column.
  for (let index = 0; index < values.length; index++)
    if (Number.isNaN(values[index])) return hasNoMarker(values);
  return true;
}

function hasNoMarker(values: Float64Array): boolean {
  const bits = bitsOf(values);
  for (let index = 0; index < values.length; index++) {
    if (isStaleAt(bits, index) || isAbsentAt(bits, index)) return false;
  }
  return true;
}

export function isAllAbsent(values: Float64Array): boolean {
  const bits = bitsOf(values);
  for (let index = 0; index < values.length; index++) if (!isAbsentAt(bits, index)) return false;
  return true;
}

function zip(labels: readonly Labels[], columns: readonly Float64Array[]): MergedRows["series"] {
  return labels.map((own, index) => ({ labels: own, values: itemAt(columns, index) }));
}

function unionOf(columns: readonly Float64Array[]): Float64Array {
  const total = columns.reduce((sum, column) => sum + column.length, 0);
  const all = new Float64Array(total);
  let filled = 0;
  let isAscending = true;
  for (const column of columns) {
    if (filled > 0 && column.length > 0 && (column[0] as number) <= (all[filled - 1] as number))
      isAscending = false;
    all.set(column, filled);
    filled += column.length;
  }
  if (isAscending) return all;
  all.sort();
  let kept = 0;
  for (const timestamp of all)
    if (kept === 0 || timestamp !== all[kept - 1]) all[kept++] = timestamp;
  return all.subarray(0, kept);
}

/** The index in `all` of each of `some`; only the first one when they are consecutive. */
function placesIn(all: Float64Array, some: Float64Array): number | Uint32Array {
  if (some.length === 0) return 0;
  const first = firstAtOrAfter(all, some[0] as number);
  const last = firstAtOrAfter(all, some[some.length - 1] as number);
  if (last - first === some.length - 1) return first;
  return Uint32Array.from(some, (timestamp) => firstAtOrAfter(all, timestamp));
}

/** A column without any sample. */
export function absentColumn(length: number): Float64Array {
  const values = new Float64Array(length);
  fillAbsent(values);
  return values;
}

/** Makes every value ABSENT. */
export function fillAbsent(values: Float64Array): void {
  const bits = bitsOf(values);
  for (let index = 0; index < values.length; index++) setAbsentAt(bits, index);
}

/** Copies values to their places, where `target` is ABSENT. */
function fill(target: Float64Array, values: Float64Array, places: number | Uint32Array): void {
  const targetBits = bitsOf(target);
  const bits = bitsOf(values);
  for (let index = 0; index < values.length; index++) {
    const place = typeof places === "number" ? places + index : (places[index] as number);
    if (!isAbsentAt(targetBits, place)) continue;
    targetBits[2 * place] = bits[2 * index] as number;
    targetBits[2 * place + 1] = bits[2 * index + 1] as number;
  }
}
