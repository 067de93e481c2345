import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import { openChunk } from "../codec/chunk-codec.js";
import type { ChunkRequest } from "../head/chunk-reader.js";
import type { Pace } from "../model/querier.js";
import { type ChunkPart, cutRows, fillAbsent, type Piece, type PieceRows } from "../model/piece.js";

/** Wanted columns of consecutive rows of one table. */
export interface AssembledRows {
  readonly timestamps: Float64Array;
  /** One per label set. Each has room for some more rows after the last, in the same memory. */
  readonly columns: readonly Float64Array[];
}

/**
 * Joins what has been read, when the requests have been read too.
 *
 * @returns undefined when that has failed
 */
export type FinishAssembly = () => Promise<AssembledRows | undefined>;

/** A piece in the chunk log, and the row of the assembly where it begins. */
interface ChunkSlot {
  readonly piece: Piece;
  readonly part: ChunkPart;
  readonly at: number;
}

/** A piece that was read. */
interface ReadPiece {
  readonly labels: readonly Labels[];
  readonly rows: PieceRows;
}

/**
 * Joins the main pieces of one table. Chunks are decoded straight to their place, without a copy.
 * In the order of time there are pieces of blocks, then chunks, then rows in memory.
 *
 * Chunks may begin before the range and end after it: rows of blocks overwrite what comes before,
 * rows in memory overwrite what comes after, and the ends are left out.
 */
export class RowAssembly {
  readonly requests: readonly ChunkRequest[];
  /** The first error, if reading a piece has failed. */
  failure: unknown;
  /** Pieces before the chunks. */
  private readonly before: Piece[] = [];
  private readonly slots: ChunkSlot[] = [];
  /** Pieces after the chunks. */
  private readonly after: Piece[] = [];
  private readonly chunkRows: number;
  private timestamps = NO_ROWS;
  private readonly columns: Float64Array[] = [];
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
      else this.after.push(piece);
    }
    this.chunkRows = rows;
    this.requests = this.slots.map((slot) => this.requestOf(slot));
  }

  /**
   * Reads the pieces that are not in chunks. Afterwards the requests may be read.
   *
   * @throws the error of reading a block, and the errors of `pace`
   */
  async readOthers(range: TimeRange, pace: Pace): Promise<FinishAssembly> {
    const before = await readPieces(this.before, range, pace);
    const after = await readPieces(this.after, range, pace);
    const [only, ...others] = [...before, ...after];
    if (this.slots.length === 0 && others.length === 0 && this.isAnswer(only)) {
      return () => Promise.resolve(only.rows);
    }
    this.chunksAt = rowsOf(before);
    const capacity = this.chunksAt + this.chunkRows + rowsOf(after) + this.spareRows;
    this.timestamps = new Float64Array(capacity);
    for (let column = 0; column < this.labels.length; column++) {
      this.columns.push(new Float64Array(capacity));
      if (pace.isDue(capacity)) await pace.pause();
    }
    return () => this.finish(before, after, range, pace);
  }

  /** True when the only piece can be the answer as it is. */
  private isAnswer(piece: ReadPiece | undefined): piece is ReadPiece {
    return piece !== undefined && this.spareRows === 0 && isSame(piece.labels, this.labels);
  }

  private requestOf({ part, piece, at }: ChunkSlot): ChunkRequest {
    return {
      chunk: part.chunk,
      values: part.chunk.rows * part.columns.length,
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

  private async finish(
    before: readonly ReadPiece[],
    after: readonly ReadPiece[],
    range: TimeRange,
    pace: Pace,
  ): Promise<AssembledRows | undefined> {
    if (this.failure !== undefined) return undefined;
    const { chunksAt } = this;
    const chunkTimes = this.timestamps.subarray(chunksAt, chunksAt + this.chunkRows);
    const first = this.slots[0]?.part.range ?? range;
    let from = chunksAt + firstAtOrAfter(chunkTimes, Math.max(range.fromMs, first.fromMs));
    const afterChunks = firstAtOrAfter(chunkTimes, range.untilMs);
    let until = Math.max(from, chunksAt + afterChunks);
    for (const piece of before.toReversed()) {
      from -= piece.rows.timestamps.length;
      this.copy(piece, from);
      if (pace.isDue(valuesIn(piece))) await pace.pause();
    }
    for (const piece of after) {
      this.copy(piece, until);
      if (pace.isDue(valuesIn(piece))) await pace.pause();
      until += piece.rows.timestamps.length;
    }
    const timestamps = this.timestamps.subarray(from, until);
    if (!isAscending(timestamps)) return undefined;
    return { timestamps, columns: this.columns.map((values) => values.subarray(from, until)) };
  }

  private copy({ labels, rows: { timestamps, columns } }: ReadPiece, at: number): void {
    this.timestamps.set(timestamps, at);
    const isWritten = this.writeColumns(labels, (target, index) =>
      target.set(itemAt(columns, index), at),
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
      write(itemAt(this.columns, column), index);
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

async function readPieces(
  pieces: readonly Piece[],
  range: TimeRange,
  pace: Pace,
): Promise<ReadPiece[]> {
  const read: ReadPiece[] = [];
  for (const piece of pieces)
    read.push({ labels: piece.labels, rows: cutRows(await piece.read(range, pace), range) });
  return read;
}

const valuesIn = ({ labels, rows }: ReadPiece): number => labels.length * rows.timestamps.length;

const rowsOf = (pieces: readonly ReadPiece[]): number =>
  pieces.reduce((sum, { rows }) => sum + rows.timestamps.length, 0);

/** True when two lists name the same series in the same order. */
export function isSame(left: readonly Labels[], right: readonly Labels[]): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  return left.every((labels, index) => {
    const other = right[index];
    return labels === other || labels.key === other?.key;
  });
}

function isAscending(timestamps: Float64Array): boolean {
  for (let row = 1; row < timestamps.length; row++)
    if (!((timestamps[row] as number) > (timestamps[row - 1] as number))) return false;
  return true;
}
