import { ByteReader, MalformedBytesError } from "../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../exporter/shared/journal/byte-writer.js";
import { type ColumnEncoder, decodeColumn } from "./column-codec.js";

/** Rows a chunk may have; more is damage. */
const MAX_CHUNK_ROWS = 1 << 20;

/** Consecutive rows of one table, column by column. See storage-journal.format.md, "Chunk". */
export interface ChunkRows {
  readonly timestamps: Float64Array;
  readonly columns: readonly Float64Array[];
}

/** Appends the body of a chunk. */
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

/**
 * Reads timestamps and the wanted columns of a chunk, in the order wanted.
 *
 * @throws {MalformedBytesError} when the bytes make no sense
 */
export function decodeChunk(
  reader: ByteReader,
  columnCount: number,
  wanted: Uint32Array,
): ChunkRows {
  const rows = reader.count(MAX_CHUNK_ROWS);
  const timestamps = new Float64Array(rows);
  decodeColumn(reader, timestamps);
  const offsets = new Float64Array(columnCount + 1);
  for (let column = 0; column < columnCount; column++)
    offsets[column + 1] = (offsets[column] as number) + reader.varint();
  const base = reader.offset;
  if (base + (offsets[columnCount] as number) !== reader.end) {
    throw new MalformedBytesError(`Cannot read a chunk: its columns do not end where it ends`);
  }
  const columns = Array.from(wanted, (column) => {
    const values = new Float64Array(rows);
    const [start, end] = [offsets[column] as number, offsets[column + 1] as number];
    decodeColumn(new ByteReader(reader.bytes, base + start, base + end), values);
    return values;
  });
  return { timestamps, columns };
}
