import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { InternedLayout } from "../model/layout-registry.js";
import { MAX_LAYOUT_SERIES } from "../model/layout-registry.js";
import type { SeriesSamples } from "../model/stamped.js";
import { type ColumnEncoder, decodeColumn } from "./column-codec.js";
import { decodeRow, encodeRow } from "./row-codec.js";

/** Most samples of one record of the row journal. */
export const MAX_STAMPED_SAMPLES = 1 << 16;
/** Most samples of one series in a chunk. */
const MAX_CHUNK_SAMPLES = 1 << 20;
const IN_ORDER = 0;
const WITH_COLUMNS = 1;

/** Stamped samples with a layout of the registry. */
export interface StampedBatch {
  readonly layout: InternedLayout;
  readonly columns: Uint32Array | undefined;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** Writes the payload of a `stamped` record of the row journal. */
export function writeStampedRecord(writer: ByteWriter, table: number, batch: StampedBatch): void {
  const { layout, columns, timestamps, values } = batch;
  writer.varint(table);
  writer.varint(layout.id);
  writer.varint(timestamps.length);
  writer.u8(columns === undefined ? IN_ORDER : WITH_COLUMNS);
  let before = 0;
  for (const column of columns ?? []) {
    writer.signedVarint(column - before);
    before = column;
  }
  let beforeMs = 0;
  for (const timestampMs of timestamps) {
    writer.signedVarint(timestampMs - beforeMs);
    beforeMs = timestampMs;
  }
  encodeRow(values, writer);
}

/**
 * Reads the payload of a `stamped` record.
 *
 * @throws {MalformedBytesError} when the bytes make no sense
 */
export function readStampedRecord(
  reader: ByteReader,
  layoutOf: (number: number) => InternedLayout,
): StampedBatch {
  const layout = layoutOf(reader.varint());
  const count = reader.count(MAX_STAMPED_SAMPLES);
  const width = layout.seriesIds.length;
  const columns = reader.u8() === WITH_COLUMNS ? new Uint32Array(count) : undefined;
  if (columns === undefined && count !== width)
    throw new MalformedBytesError(`Cannot read a record: ${count} samples for ${width} series`);
  let before = 0;
  for (let index = 0; columns !== undefined && index < count; index++) {
    before += reader.signedVarint();
    if (before < 0 || before >= width)
      throw new MalformedBytesError(`Cannot read a record: its layout has no column ${before}`);
    columns[index] = before;
  }
  const timestamps = new Float64Array(count);
  let beforeMs = 0;
  for (let index = 0; index < count; index++) timestamps[index] = beforeMs += reader.signedVarint();
  const values = new Float64Array(count);
  decodeRow(reader, values);
  return { layout, columns, timestamps, values };
}

/**
 * Appends the body of a chunk of stamped samples: the different lists of times, then the values of each
 * series. See storage-journal.format.md, "Chunk of stamped samples".
 */
export function encodeStampedChunk(
  series: readonly SeriesSamples[],
  encoder: ColumnEncoder,
  writer: ByteWriter,
): void {
  const numberOf = new Map<Float64Array, number>();
  for (const { timestamps } of series)
    if (!numberOf.has(timestamps)) numberOf.set(timestamps, numberOf.size);
  const bodies = new ByteWriter(series.length * 32 + 64);
  writer.varint(numberOf.size);
  for (const timestamps of numberOf.keys()) {
    const before = bodies.length;
    encoder.encode(timestamps, bodies);
    writer.varint(timestamps.length);
    writer.varint(bodies.length - before);
  }
  for (const { timestamps, values } of series) {
    const before = bodies.length;
    encoder.encode(values, bodies);
    writer.varint(numberOf.get(timestamps) ?? 0);
    writer.varint(bodies.length - before);
  }
  writer.raw(bodies.written());
}

/** An opened chunk of stamped samples. */
export interface StampedChunk {
  /** @throws {MalformedBytesError} when the bytes make no sense */
  decode(column: number): SeriesSamples;
}

/** @throws {MalformedBytesError} when the bytes make no sense */
export function openStampedChunk(reader: ByteReader, columnCount: number): StampedChunk {
  const timesCount = reader.count(Math.min(columnCount, MAX_LAYOUT_SERIES));
  const rows = new Uint32Array(timesCount);
  const ends = new Uint32Array(timesCount + columnCount);
  const timesOf = new Uint32Array(columnCount);
  let end = 0;
  for (let number = 0; number < timesCount; number++) {
    rows[number] = reader.count(MAX_CHUNK_SAMPLES);
    ends[number] = end += reader.varint();
  }
  for (let column = 0; column < columnCount; column++) {
    timesOf[column] = reader.count(Math.max(0, timesCount - 1));
    ends[timesCount + column] = end += reader.varint();
  }
  const { bytes, offset: base } = reader;
  if (base + end !== reader.end)
    throw new MalformedBytesError("Cannot read a chunk: its columns do not end where it ends");
  const body = new ByteReader(bytes);
  const decodeAt = (place: number, count: number): Float64Array => {
    body.offset = base + (place === 0 ? 0 : (ends[place - 1] as number));
    const values = new Float64Array(count);
    decodeColumn(body, values);
    return values;
  };
  const times = new Array<Float64Array | undefined>(timesCount).fill(undefined);
  return {
    decode: (column) => {
      const number = timesOf[column] as number;
      const count = rows[number] as number;
      const timestamps = (times[number] ??= decodeAt(number, count));
      return { timestamps, values: decodeAt(timesCount + column, count) };
    },
  };
}
