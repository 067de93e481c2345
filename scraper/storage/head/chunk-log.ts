import path from "node:path";
import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { Journal, RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { segmentName } from "../../../exporter/shared/journal/segment.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Chunk } from "../model/chunk.js";
import { type ChunkRows, decodeChunk, encodeChunk } from "../codec/chunk-codec.js";
import { ChunkReader, type ChunkRequest } from "./chunk-reader.js";
import { ColumnEncoder } from "../codec/column-codec.js";
import type { DefinitionWriter } from "../codec/definition-writer.js";
import type { InternedLayout } from "../model/layout-registry.js";
import { type Pace, UNHURRIED } from "../model/pace.js";
import { RECORD_KINDS, type Stream, STREAMS } from "../model/record-kinds.js";
import type { Table } from "./table.js";

export const CHUNK_PREFIX = "chunks";
/** Before every timestamp there can be. */
const EARLIEST_MS = -8_640_000_000_000_000;

export interface ChunkRecord {
  readonly table: number;
  readonly stream: Stream;
  readonly layout: number;
  readonly sealedUntil: RecordPlace;
  readonly fromMs: number;
  readonly lastMs: number;
  readonly rows: number;
  readonly body: Uint8Array;
}

/** Rows about to be sealed. */
export interface RowsToSeal {
  readonly layout: InternedLayout;
  readonly timestamps: Float64Array;
  /** Valid until the next call. */
  columnAt(column: number): Float64Array;
}

/** Writes sealed rows to the `chunks-` segments and reads them back. */
export class ChunkLog {
  private readonly encoder = new ColumnEncoder();
  private readonly scratch = new ByteWriter(65_536);
  private readonly reader: ChunkReader;
  /** Chunks of which the record is not durable, with what is needed to write it. */
  private waiting: { chunk: Chunk; table: Table; stream: Stream; sealedUntil: RecordPlace }[] = [];
  private waitingBytes = 0;

  constructor(
    files: Files,
    folder: string,
    readonly journal: Journal,
    readonly definitions: DefinitionWriter,
  ) {
    this.reader = new ChunkReader(files, (sequence) =>
      path.join(folder, segmentName(CHUNK_PREFIX, sequence)),
    );
  }

  /** Bytes of chunks that are in memory only. */
  get undurableBytes(): number {
    return this.waitingBytes;
  }

  /** The oldest row segment that chunks still depend on. */
  get oldestJournaled(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { chunk } of this.waiting)
      oldest = Math.min(oldest, chunk.oldestJournaled ?? oldest);
    return oldest;
  }

  /** Encodes rows as a chunk and gives it to the journal. */
  seal(table: Table, stream: Stream, rows: RowsToSeal, sealedUntil: RecordPlace): Chunk {
    const { layout, timestamps } = rows;
    this.scratch.length = 0;
    encodeChunk(timestamps, layout.seriesIds.length, rows.columnAt, this.encoder, this.scratch);
    const body = this.scratch.copy();
    const chunk: Chunk = {
      fromMs: timestamps[0] as number,
      lastMs: timestamps[timestamps.length - 1] as number,
      rows: timestamps.length,
      layout,
      bodyBytes: body.length,
      oldestJournaled: table.streams[stream].oldestJournaled,
      place: undefined,
      recordBytes: 0,
      isDurable: false,
      body,
    };
    const entry = { chunk, table, stream, sealedUntil };
    this.waiting.push(entry);
    this.waitingBytes += body.length;
    this.write(entry);
    return chunk;
  }

  /**
   * Says that blocks hold what the table had until `coveredUntilMs`, and its late chunks before
   * `lateUntil`.
   */
  cover(table: Table, coveredUntilMs: number, lateUntil: RecordPlace): boolean {
    if (!this.definitions.defineTable(table.id, table.key)) return false;
    const place = this.journal.append(RECORD_KINDS.covered, (writer) => {
      writer.varint(table.id);
      writer.signedVarint(Math.max(coveredUntilMs, EARLIEST_MS));
      writer.varint(lateUntil.sequence);
      writer.varint(lateUntil.offsetBytes);
    });
    return place !== undefined;
  }

  /**
   * Makes every chunk durable; then their bodies leave the memory.
   *
   * @throws the system's error
   */
  async commit(): Promise<void> {
    for (const entry of this.waiting)
      if (entry.chunk.place === undefined && !this.write(entry)) break;
    const written = this.waiting.filter(({ chunk }) => chunk.place !== undefined);
    await this.journal.commit();
    const isDone = new Set(written);
    this.waiting = this.waiting.filter((entry) => !isDone.has(entry));
    for (const { chunk, table, stream } of written) {
      this.waitingBytes -= chunk.bodyBytes;
      chunk.isDurable = true;
      if (stream === "late" || table.streams.main.chunks.at(-1) !== chunk) chunk.body = undefined;
    }
  }

  /** Gives a chunk whose segment was lost, but not its body, to the journal once more. */
  sealAgain(table: Table, stream: Stream, chunk: Chunk): void {
    chunk.place = undefined;
    chunk.isDurable = false;
    const { sealedUntil } = table.streams[stream];
    const entry = { chunk, table, stream, sealedUntil };
    this.waiting.push(entry);
    this.waitingBytes += chunk.bodyBytes;
    this.write(entry);
  }

  /**
   * Says that every chunk of a table so far, and every row before a place in the journal, is
   * deleted.
   */
  forgetTable(table: Table, rowsUntil: RecordPlace): void {
    for (const entry of this.waiting)
      if (entry.table === table) this.waitingBytes -= entry.chunk.bodyBytes;
    this.waiting = this.waiting.filter((entry) => entry.table !== table);
    this.definitions.defineTable(table.id, table.key);
    this.journal.append(RECORD_KINDS.deleted, (writer) => {
      writer.varint(table.id);
      writer.varint(rowsUntil.sequence);
      writer.varint(rowsUntil.offsetBytes);
    });
  }

  /** Forgets places in a segment that was given up: its chunks are written again. */
  rewriteWaiting(): void {
    for (const { chunk } of this.waiting) chunk.place = undefined;
  }

  /**
   * Reads columns of a chunk.
   *
   * @throws {DamagedDataError} when its bytes are not what was written
   */
  async read(chunk: Chunk, columns: Uint32Array): Promise<ChunkRows> {
    let rows: ChunkRows | undefined;
    let failure: unknown;
    const take = (body: ByteReader): void => {
      rows = decodeChunk(body, chunk.layout.seriesIds.length, columns);
    };
    await this.reader.read([{ chunk, take, fail: (error) => (failure = error) }], UNHURRIED);
    if (rows === undefined) throw failure;
    return rows;
  }

  /**
   * Reads many chunks, each once; those that lie near each other at once.
   *
   * @throws what `pace` throws
   */
  readAll(requests: readonly ChunkRequest[], pace: Pace): Promise<void> {
    return this.reader.read(requests, pace);
  }

  /** Closes what is open of segments before `sequence`. */
  closeBefore(sequence: number): Promise<void> {
    return this.reader.closeBefore(sequence);
  }

  close(): Promise<void> {
    return this.reader.closeBefore(Number.POSITIVE_INFINITY);
  }

  private write({ chunk, table, stream, sealedUntil }: (typeof this.waiting)[number]): boolean {
    if (!this.definitions.define(table, chunk.layout)) return false;
    const before = this.journal.segmentBytes;
    chunk.place = this.journal.append(RECORD_KINDS.chunk, (writer) => {
      writer.varint(table.id);
      writer.u8(STREAMS[stream]);
      writer.varint(chunk.layout.id);
      writer.varint(sealedUntil.sequence);
      writer.varint(sealedUntil.offsetBytes);
      writer.signedVarint(chunk.fromMs);
      writer.signedVarint(chunk.lastMs);
      writer.varint(chunk.rows);
      writer.raw(chunk.body as Uint8Array);
    });
    if (chunk.place !== undefined) chunk.recordBytes = this.journal.segmentBytes - before;
    return chunk.place !== undefined;
  }
}

/**
 * Reads the payload of a chunk record; `body` is a view.
 *
 * @throws {MalformedBytesError} when it makes no sense
 */
export function readChunkRecord(reader: ByteReader): ChunkRecord {
  const table = reader.varint();
  const stream = reader.u8() === STREAMS.main ? "main" : "late";
  const layout = reader.varint();
  const sealedUntil = { sequence: reader.varint(), offsetBytes: reader.varint() };
  const fromMs = reader.signedVarint();
  const lastMs = reader.signedVarint();
  const rows = reader.varint();
  const body = reader.raw(reader.end - reader.offset);
  return { table, stream, layout, sealedUntil, fromMs, lastMs, rows, body };
}
