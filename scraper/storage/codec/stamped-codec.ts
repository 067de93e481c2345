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
  /** Number of different lists of times. */
  readonly listCount: number;
  /** Number of the list of times of a column. */
  listOf(column: number): number;
  /** Number of times of a list. */
  rowsOf(list: number): number;
  /**
   * @param times as many as the list has
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  readTimes(list: number, times: Float64Array): void;
  /**
   * @param values as many as the list of the column has times
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  readValues(column: number, values: Float64Array): void;
  /** @throws {MalformedBytesError} when the bytes make no sense */
  decode(column: number): SeriesSamples;
}

/** @throws {MalformedBytesError} when the bytes make no sense */
export function openStampedChunk(reader: ByteReader, columnCount: number): StampedChunk {
  return new OpenedChunk(reader, columnCount);
}

class OpenedChunk implements StampedChunk {
  readonly listCount: number;
  private readonly rows: Uint32Array;
  /** Where the columns end: first the lists of times, then the values. */
  private readonly ends: Uint32Array;
  private readonly lists: Uint32Array;
  private readonly times: (Float64Array | undefined)[] = [];
  private readonly body: ByteReader;
  private readonly base: number;

  constructor(reader: ByteReader, columnCount: number) {
    const listCount = reader.count(Math.min(columnCount, MAX_LAYOUT_SERIES));
    this.listCount = listCount;
    this.rows = new Uint32Array(listCount);
    this.ends = new Uint32Array(listCount + columnCount);
    this.lists = new Uint32Array(columnCount);
    let end = 0;
    for (let list = 0; list < listCount; list++) {
      this.rows[list] = reader.count(MAX_CHUNK_SAMPLES);
      this.ends[list] = end += reader.varint();
    }
    for (let column = 0; column < columnCount; column++) {
      this.lists[column] = reader.count(Math.max(0, listCount - 1));
      this.ends[listCount + column] = end += reader.varint();
    }
    this.base = reader.offset;
    if (this.base + end !== reader.end)
      throw new MalformedBytesError("Cannot read a chunk: its columns do not end where it ends");
    this.body = new ByteReader(reader.bytes, this.base, reader.end);
  }

  listOf(column: number): number {
    return this.lists[column] as number;
  }

  rowsOf(list: number): number {
    return this.rows[list] as number;
  }

  readTimes(list: number, times: Float64Array): void {
    this.readAt(list, times);
  }

  readValues(column: number, values: Float64Array): void {
    this.readAt(this.listCount + column, values);
  }

  decode(column: number): SeriesSamples {
    const list = this.listOf(column);
    const count = this.rowsOf(list);
    let timestamps = this.times[list];
    if (timestamps === undefined) {
      timestamps = this.times[list] = new Float64Array(count);
      this.readTimes(list, timestamps);
    }
    const values = new Float64Array(count);
    this.readValues(column, values);
    return { timestamps, values };
  }

  private readAt(place: number, values: Float64Array): void {
    this.body.offset = this.base + (place === 0 ? 0 : (this.ends[place - 1] as number));
    decodeColumn(this.body, values);
  }
}
