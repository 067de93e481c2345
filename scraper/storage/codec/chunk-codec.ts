import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import { ColumnEncoder, decodeColumn } from "./column-codec.js";

/** A chunk with more rows is damaged. */
const MAX_CHUNK_ROWS = 1 << 20;
/** A column takes microseconds, as reading the clock does. */
const COLUMNS_PER_CLOCK_READ = 64;

/** Consecutive rows of one table, column by column. See storage-journal.format.md, "Chunk". */
export interface ChunkRows {
  readonly timestamps: Float64Array;
  readonly columns: readonly Float64Array[];
}

/**
 * Appends the body of a chunk.
 *
 * @param columnAt values of a column, valid until the next call
 */
export function encodeChunk(
  timestamps: Float64Array,
  columnCount: number,
  columnAt: (column: number) => Float64Array,
  encoder: ColumnEncoder,
  writer: ByteWriter,
): void {
  writer.varint(timestamps.length);
  encoder.encode(timestamps, writer);
  const bodies = new ByteWriter(columnCount * 8);
  for (let column = 0; column < columnCount; column++) {
    const before = bodies.length;
    encoder.encode(columnAt(column), bodies);
    writer.varint(bodies.length - before);
  }
  writer.raw(bodies.written());
}

/** As `encodeChunk`, in slices. The columns must not change meanwhile, or the result is of no use. */
export async function encodeChunkInSlices(
  timestamps: Float64Array,
  columnCount: number,
  columnAt: (column: number) => Float64Array,
  slices: TimeSlices,
): Promise<Uint8Array> {
  const encoder = new ColumnEncoder();
  const writer = new ByteWriter(columnCount * 2);
  writer.varint(timestamps.length);
  encoder.encode(timestamps, writer);
  const bodies = new ByteWriter(columnCount * 8);
  for (let column = 0; column < columnCount; column++) {
    const before = bodies.length;
    encoder.encode(columnAt(column), bodies);
    writer.varint(bodies.length - before);
    if (column % COLUMNS_PER_CLOCK_READ === 0 && slices.areDue) await slices.pause();
  }
  writer.raw(bodies.written());
  return writer.copy();
}

/**
 * Reads the timestamps and the wanted columns of a chunk, in the order of `wanted`.
 *
 * @throws {MalformedBytesError} when the bytes make no sense
 */
export function decodeChunk(
  reader: ByteReader,
  columnCount: number,
  wanted: Uint32Array,
): ChunkRows {
  const { timestamps, columns } = openChunk(reader, columnCount);
  const values = Array.from(wanted, (column) => {
    const decoded = new Float64Array(timestamps.length);
    columns.decode(column, decoded);
    return decoded;
  });
  return { timestamps, columns: values };
}

/** The columns of a chunk, to be decoded into memory of the caller. */
export interface ChunkColumns {
  /**
   * @param values as many as the chunk has rows
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  decode(column: number, values: Float64Array): void;
}

/**
 * Reads the timestamps of a chunk and where its columns are.
 *
 * @throws {MalformedBytesError} as `decodeChunk`
 */
export function openChunk(
  reader: ByteReader,
  columnCount: number,
): { timestamps: Float64Array; columns: ChunkColumns } {
  const rows = reader.count(MAX_CHUNK_ROWS);
  const timestamps = new Float64Array(rows);
  decodeColumn(reader, timestamps);
  const ends = new Uint32Array(columnCount);
  let end = 0;
  for (let column = 0; column < columnCount; column++) ends[column] = end += reader.varint();
  const { bytes, offset: base } = reader;
  if (base + end !== reader.end) {
    throw new MalformedBytesError(`Cannot read a chunk: its columns do not end where it ends`);
  }
  const body = new ByteReader(bytes);
  const decode = (column: number, values: Float64Array): void => {
    body.offset = base + (column === 0 ? 0 : (ends[column - 1] as number));
    decodeColumn(body, values);
  };
  return { timestamps, columns: { decode } };
}
