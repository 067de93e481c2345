import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import { openChunk } from "../codec/chunk-codec.js";
import type { ChunkRequest } from "../head/chunk-reader.js";
import { type ChunkPart, cutRows, fillAbsent, type Piece, type PieceRows } from "../model/piece.js";

/** Wanted columns of consecutive rows of one table. */
export interface AssembledRows {
  readonly timestamps: Float64Array;
  /** One per label set; each has room for some more rows behind the last, in the same memory. */
  readonly columns: readonly Float64Array[];
}

interface ChunkSlot {
  readonly piece: Piece;
  readonly part: ChunkPart;
  readonly at: number;
}

/**
 * Puts the main parts of one table together without copying what is in chunks: these are decoded to where their rows
 * belong. In the order of time there are parts of blocks, then chunks, then what is in memory.
 *
 * Chunks may begin before the range and end behind it: what is before is overwritten by the rows of blocks, what is
 * behind by those in memory, or left out at the ends.
 */
export class RowAssembly {
  readonly requests: readonly ChunkRequest[];
  /** Why it came to nothing, if it did. */
  failure: unknown;
  private readonly before: Piece[] = [];
  private readonly slots: ChunkSlot[] = [];
  private readonly behind: Piece[] = [];
  private readonly chunkRows: number;
  private timestamps = NO_ROWS;
  private columns: Float64Array[] = [];
  /** Row of the first chunk. */
  private chunksAt = 0;
  private readonly columnOf = new Map<string, number>();

  /**
   * @param labels of the wanted columns
   * @param pieces in the order of time
   */
  constructor(
    private readonly labels: readonly Labels[],
    pieces: readonly Piece[],
    private readonly spareRows: number,
  ) {
    let rows = 0;
    for (const piece of pieces) {
      if (piece.inChunk !== undefined) {
        this.slots.push({ piece, part: piece.inChunk, at: rows });
        rows += piece.inChunk.chunk.rows;
      } else if (this.slots.length === 0) this.before.push(piece);
      else this.behind.push(piece);
    }
    this.chunkRows = rows;
    this.requests = this.slots.map((slot) => this.requestOf(slot));
  }

  /**
   * Reads what is not in chunks. Afterwards the chunks may be read.
   *
   * @throws what reading a block throws
   */
  async readOthers(range: TimeRange): Promise<() => AssembledRows | undefined> {
    const before: PieceRows[] = [];
    for (const piece of this.before) before.push(cutRows(await piece.read(range), range));
    const behind: PieceRows[] = [];
    for (const piece of this.behind) behind.push(cutRows(await piece.read(range), range));
    const only = before[0] ?? behind[0];
    if (this.slots.length === 0 && before.length + behind.length === 1 && this.isPlain(only)) {
      return () => only;
    }
    this.chunksAt = rowsOf(before);
    const capacity = this.chunksAt + this.chunkRows + rowsOf(behind) + this.spareRows;
    this.timestamps = new Float64Array(capacity);
    this.columns = this.labels.map(() => new Float64Array(capacity));
    return () => this.finish(before, behind, range);
  }

  /** True when the rows of the only piece are the answer as they are. */
  private isPlain(rows: PieceRows | undefined): boolean {
    const [piece] = [...this.before, ...this.behind];
    return rows !== undefined && this.spareRows === 0 && isSame(piece?.labels ?? [], this.labels);
  }

  private requestOf({ part, piece, at }: ChunkSlot): ChunkRequest {
    return {
      chunk: part.chunk,
      take: (body) => {
        const { timestamps, columns } = openChunk(body, part.chunk.layout.seriesIds.length);
        const rows = timestamps.length;
        if (rows !== part.chunk.rows) {
          const detail = `it has ${rows} rows, its record says ${part.chunk.rows}`;
          throw new MalformedBytesError(`Cannot read a chunk: ${detail}`);
        }
        const from = this.chunksAt + at;
        this.timestamps.set(timestamps, from);
        const isWritten = this.writeColumns(piece.labels, (target, index) =>
          columns.decode(part.columns[index] as number, target.subarray(from, from + rows)),
        );
        this.fillOthers(isWritten, from, from + rows);
      },
      fail: (error) => (this.failure ??= error),
    };
  }

  private finish(
    before: readonly PieceRows[],
    behind: readonly PieceRows[],
    range: TimeRange,
  ): AssembledRows | undefined {
    if (this.failure !== undefined) return undefined;
    const { chunksAt } = this;
    const chunkTimes = this.timestamps.subarray(chunksAt, chunksAt + this.chunkRows);
    const first = this.slots[0]?.part.range ?? range;
    let from = chunksAt + firstAtOrAfter(chunkTimes, Math.max(range.fromMs, first.fromMs));
    const behindChunks = firstAtOrAfter(chunkTimes, range.untilMs);
    let until = Math.max(from, chunksAt + behindChunks);
    for (let index = before.length - 1; index >= 0; index--) {
      const rows = before[index] as PieceRows;
      from -= rows.timestamps.length;
      this.copy(rows, (this.before[index] as Piece).labels, from);
    }
    for (const [index, rows] of behind.entries()) {
      this.copy(rows, (this.behind[index] as Piece).labels, until);
      until += rows.timestamps.length;
    }
    const timestamps = this.timestamps.subarray(from, until);
    if (!isAscending(timestamps)) return undefined;
    return { timestamps, columns: this.columns.map((values) => values.subarray(from, until)) };
  }

  private copy({ timestamps, columns }: PieceRows, labels: readonly Labels[], at: number): void {
    this.timestamps.set(timestamps, at);
    const isWritten = this.writeColumns(labels, (target, index) =>
      target.set(columns[index] as Float64Array, at),
    );
    this.fillOthers(isWritten, at, at + timestamps.length);
  }

  /** @returns which columns the piece has; undefined for all */
  private writeColumns(
    labels: readonly Labels[],
    write: (target: Float64Array, index: number) => void,
  ): Uint8Array | undefined {
    if (isSame(labels, this.labels)) {
      this.columns.forEach(write);
      return undefined;
    }
    const { columnOf } = this;
    if (columnOf.size === 0) this.labels.forEach(({ key }, index) => columnOf.set(key, index));
    const isWritten = new Uint8Array(this.labels.length);
    for (const [index, { key }] of labels.entries()) {
      const column = this.columnOf.get(key);
      if (column === undefined) continue;
      isWritten[column] = 1;
      write(this.columns[column] as Float64Array, index);
    }
    return isWritten;
  }

  private fillOthers(isWritten: Uint8Array | undefined, from: number, until: number): void {
    if (isWritten === undefined) return;
    for (const [column, values] of this.columns.entries())
      if (isWritten[column] === 0) fillAbsent(values.subarray(from, until));
  }
}

const NO_ROWS = new Float64Array(0);

const rowsOf = (parts: readonly PieceRows[]): number =>
  parts.reduce((sum, { timestamps }) => sum + timestamps.length, 0);

/** True when two lists name the same series in the same order. */
export function isSame(left: readonly Labels[], right: readonly Labels[]): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    const [a, b] = [left[index] as Labels, right[index] as Labels];
    if (a !== b && a.key !== b.key) return false;
  }
  return true;
}

function isAscending(timestamps: Float64Array): boolean {
  for (let row = 1; row < timestamps.length; row++)
    if (!((timestamps[row] as number) > (timestamps[row - 1] as number))) return false;
  return true;
}
