import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { InternedLayout } from "../model/layout-registry.js";
import { encodeRow } from "./row-codec.js";

/** Kinds of records in the journals of the storage. See storage-journal.format.md. */
export const RECORD_KINDS = {
  /** Label sets and their numbers in this segment. */
  series: 1,
  /** A layout as numbers of label sets. */
  layout: 2,
  /** Folder and labels of a table. */
  table: 3,
  /** One row of one table, in `journal-` segments. */
  row: 4,
  /** Sealed rows of one table, in `chunks-` segments. */
  chunk: 5,
  /** The rows of a table that blocks hold, so that their chunks are obsolete; in `chunks-` segments. */
  covered: 6,
  /** Everything a table has had so far is deleted; in `chunks-` segments. */
  deleted: 7,
  /** Samples with timestamps of their own, in `journal-` segments. */
  stamped: 8,
  /** The stamped samples of a table that blocks hold; in `chunks-` segments. */
  stampedCovered: 9,
} as const;

/**
 * A table has two streams of rows: rows in the order of time, and rows that arrived after a newer one. The
 * third stream is samples with timestamps of their own.
 */
const STREAMS = { main: 0, late: 1, stamped: 2 } as const;
export type ChunkStream = keyof typeof STREAMS;
export type Stream = Exclude<ChunkStream, "stamped">;

/** The samples of one table at one instant. */
export interface Row {
  readonly timestampMs: number;
  readonly layout: InternedLayout;
  readonly values: Float64Array;
}

/** A row record without its values. Numbers of tables and layouts are valid in their segment only. */
export interface RowHead {
  readonly table: number;
  readonly stream: Stream;
  readonly layout: number;
  readonly timestampMs: number;
}

export interface ChunkRecord {
  readonly table: number;
  readonly stream: ChunkStream;
  readonly layout: number;
  /** Row records of the stream before this place are in this chunk or an earlier one. */
  readonly sealedUntil: RecordPlace;
  readonly fromMs: number;
  readonly lastMs: number;
  readonly rows: number;
  readonly body: Uint8Array;
}

export interface CoveredRecord {
  readonly table: number;
  /** Rows of the main stream before this time are in blocks. */
  readonly coveredUntilMs: number;
  /** Late chunks before this place are in blocks. */
  readonly lateUntil: RecordPlace;
}

export interface DeletedRecord {
  readonly table: number;
  /** Row records before this place are deleted, and all chunks before this record. */
  readonly rowsUntil: RecordPlace;
}

/** True when a record at `place` comes before `other`. */
export function isBefore(place: RecordPlace, other: RecordPlace): boolean {
  if (place.sequence !== other.sequence) return place.sequence < other.sequence;
  return place.offsetBytes < other.offsetBytes;
}

/** The first place after the start of a record: later records of its journal are not before it. */
export function placeAfter({ sequence, offsetBytes }: RecordPlace): RecordPlace {
  return { sequence, offsetBytes: offsetBytes + 1 };
}

export function writeRowRecord(writer: ByteWriter, table: number, stream: Stream, row: Row): void {
  writer.varint(table);
  writer.u8(STREAMS[stream]);
  writer.varint(row.layout.id);
  writer.signedVarint(row.timestampMs);
  encodeRow(row.values, writer);
}

/** Reads a row record up to its values. */
export function readRowHead(reader: ByteReader): RowHead {
  const table = reader.varint();
  const stream = readStream(reader);
  const layout = reader.varint();
  if (stream === "stamped")
    throw new MalformedBytesError("Cannot read a row: its stream has no rows");
  return { table, stream, layout, timestampMs: reader.signedVarint() };
}

export function writeChunkRecord(writer: ByteWriter, record: ChunkRecord): void {
  writer.varint(record.table);
  writer.u8(STREAMS[record.stream]);
  writer.varint(record.layout);
  writePlace(writer, record.sealedUntil);
  writer.signedVarint(record.fromMs);
  writer.signedVarint(record.lastMs);
  writer.varint(record.rows);
  writer.raw(record.body);
}

/**
 * Reads the payload of a chunk record; `body` is a view.
 *
 * @throws {MalformedBytesError} when the bytes end too early
 */
export function readChunkRecord(reader: ByteReader): ChunkRecord {
  const table = reader.varint();
  const stream = readStream(reader);
  const layout = reader.varint();
  const sealedUntil = readPlace(reader);
  const fromMs = reader.signedVarint();
  const lastMs = reader.signedVarint();
  const rows = reader.varint();
  const body = reader.raw(reader.end - reader.offset);
  return { table, stream, layout, sealedUntil, fromMs, lastMs, rows, body };
}

export function writeCoveredRecord(writer: ByteWriter, record: CoveredRecord): void {
  writer.varint(record.table);
  writer.signedVarint(record.coveredUntilMs);
  writePlace(writer, record.lateUntil);
}

export function readCoveredRecord(reader: ByteReader): CoveredRecord {
  const table = reader.varint();
  const coveredUntilMs = reader.signedVarint();
  return { table, coveredUntilMs, lateUntil: readPlace(reader) };
}

export function writeStampedCoveredRecord(
  writer: ByteWriter,
  table: number,
  until: RecordPlace,
): void {
  writer.varint(table);
  writePlace(writer, until);
}

export function readStampedCoveredRecord(reader: ByteReader): {
  table: number;
  until: RecordPlace;
} {
  return { table: reader.varint(), until: readPlace(reader) };
}

export function writeDeletedRecord(writer: ByteWriter, record: DeletedRecord): void {
  writer.varint(record.table);
  writePlace(writer, record.rowsUntil);
}

export function readDeletedRecord(reader: ByteReader): DeletedRecord {
  return { table: reader.varint(), rowsUntil: readPlace(reader) };
}

function readStream(reader: ByteReader): ChunkStream {
  switch (reader.u8()) {
    case STREAMS.main:
      return "main";
    case STREAMS.stamped:
      return "stamped";
    default:
      return "late";
  }
}

function writePlace(writer: ByteWriter, place: RecordPlace): void {
  writer.varint(place.sequence);
  writer.varint(place.offsetBytes);
}

function readPlace(reader: ByteReader): RecordPlace {
  return { sequence: reader.varint(), offsetBytes: reader.varint() };
}
