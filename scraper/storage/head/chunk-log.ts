import path from "node:path";
import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { Journal, RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { segmentName } from "../../../exporter/shared/journal/segment.js";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { type ChunkRows, decodeChunk, encodeChunk } from "../codec/chunk-codec.js";
import { ColumnEncoder } from "../codec/column-codec.js";
import { encodeStampedChunk } from "../codec/stamped-codec.js";
import type { DefinitionWriter, TableIdentity } from "../codec/definition-writer.js";
import {
  type ChunkStream,
  RECORD_KINDS,
  writeChunkRecord,
  writeCoveredRecord,
  writeDeletedRecord,
  writeStampedCoveredRecord,
} from "../codec/journal-records.js";
import type { Chunk } from "../model/chunk.js";
import { CHUNK_PREFIX } from "../model/data-folder.js";
import type { InternedLayout } from "../model/layout-registry.js";
import { NEVER_PAUSE, type Pace } from "../model/querier.js";
import type { SeriesSamples } from "../model/stamped.js";
import { ChunkReader, type ChunkRequest } from "./chunk-reader.js";

/** Earlier than any timestamp of a row. */
const EARLIEST_MS = -8_640_000_000_000_000;

export interface ChunkLogParts {
  readonly files: Files;
  /** Folder of the segments. */
  readonly folder: string;
  readonly journal: Journal;
  readonly definitions: DefinitionWriter;
}

/** Where the rows of a chunk come from. */
export interface ChunkOrigin {
  readonly table: TableIdentity;
  readonly stream: ChunkStream;
  /** Row records of the stream before this place are in the chunk or in an earlier one. */
  readonly sealedUntil: RecordPlace;
}

/** Rows about to be sealed. */
export interface RowsToSeal {
  readonly layout: InternedLayout;
  readonly timestamps: Float64Array;
  /** Row segment that holds the oldest row. */
  readonly oldestJournaled: number | undefined;
  /** The returned values are valid until the next call. */
  columnAt(column: number): Float64Array;
}

/** Stamped samples about to be sealed. */
export interface StampedToSeal {
  readonly layout: InternedLayout;
  /** One per series of the layout. */
  readonly series: readonly SeriesSamples[];
  /** Row segment that holds the oldest sample. */
  readonly oldestJournaled: number | undefined;
}

/** A chunk whose record is not durable, with what is needed to write it again. */
interface WaitingChunk extends ChunkOrigin {
  readonly chunk: Chunk;
}

/** Writes sealed rows to the `chunks-` segments and reads them back. */
export class ChunkLog {
  private readonly encoder = new ColumnEncoder();
  private readonly scratch = new ByteWriter(65_536);
  private readonly reader: ChunkReader;
  private waiting: WaitingChunk[] = [];
  private waitingBytes = 0;

  constructor(private readonly parts: ChunkLogParts) {
    const { files, folder } = parts;
    this.reader = new ChunkReader(files, (sequence) =>
      path.join(folder, segmentName(CHUNK_PREFIX, sequence)),
    );
  }

  get journal(): Journal {
    return this.parts.journal;
  }

  /** Bytes of chunks that are in memory only. */
  get undurableBytes(): number {
    return this.waitingBytes;
  }

  /** The oldest row segment that chunks still depend on, Infinity for none. */
  get oldestJournaled(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { chunk } of this.waiting)
      oldest = Math.min(oldest, chunk.oldestJournaled ?? oldest);
    return oldest;
  }

  /**
   * Encodes rows as a chunk and gives it to the journal.
   *
   * @param encoded the body of the chunk, if it was encoded before
   */
  seal(origin: ChunkOrigin, rows: RowsToSeal, encoded?: Uint8Array): Chunk {
    const { layout, timestamps, oldestJournaled } = rows;
    const body = encoded ?? this.encode(rows);
    const facts = {
      fromMs: timestamps[0] as number,
      lastMs: timestamps[timestamps.length - 1] as number,
      rows: timestamps.length,
      layout,
      oldestJournaled,
    };
    return this.keep(origin, facts, body);
  }

  /** Encodes stamped samples as a chunk and gives it to the journal. */
  sealStamped(origin: ChunkOrigin, { layout, series, oldestJournaled }: StampedToSeal): Chunk {
    let [fromMs, lastMs, rows] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (const { timestamps } of series) {
      if (timestamps.length === 0) continue;
      fromMs = Math.min(fromMs, timestamps[0] as number);
      lastMs = Math.max(lastMs, timestamps[timestamps.length - 1] as number);
      rows += timestamps.length;
    }
    this.scratch.length = 0;
    encodeStampedChunk(series, this.encoder, this.scratch);
    const facts = { fromMs, lastMs, rows, layout, oldestJournaled };
    return this.keep(origin, facts, this.scratch.copy());
  }

  private keep(
    origin: ChunkOrigin,
    facts: Pick<Chunk, "fromMs" | "lastMs" | "rows" | "layout" | "oldestJournaled">,
    body: Uint8Array,
  ): Chunk {
    const chunk: Chunk = {
      ...facts,
      bodyBytes: body.length,
      place: undefined,
      recordBytes: 0,
      isDurable: false,
      keepsBody: origin.stream === "main",
      body,
    };
    this.addWaiting({ ...origin, chunk });
    return chunk;
  }

  private encode(rows: RowsToSeal): Uint8Array {
    const { layout, timestamps } = rows;
    this.scratch.length = 0;
    encodeChunk(timestamps, layout.seriesIds.length, rows.columnAt, this.encoder, this.scratch);
    return this.scratch.copy();
  }

  /** Makes `seal` of rows with this layout cheaper, in slices. The caller holds the registry. */
  async prepare(table: TableIdentity, layout: InternedLayout, slices: TimeSlices): Promise<void> {
    await this.parts.definitions.defineInSlices(table, layout, slices);
  }

  /** Gives a chunk to the journal once more: the segment with its record was lost. */
  sealAgain(lost: WaitingChunk): void {
    lost.chunk.place = undefined;
    lost.chunk.isDurable = false;
    this.addWaiting(lost);
  }

  /**
   * Records which rows of a table are in blocks. A record that the journal refuses does no harm: the
   * next start finds those rows in blocks and chunks, and queries merge them.
   *
   * @param coveredUntilMs rows of the main stream before this time are in blocks
   * @param lateUntil late chunks before this place are in blocks
   */
  cover(table: TableIdentity, coveredUntilMs: number, lateUntil: RecordPlace): void {
    if (!this.parts.definitions.defineTable(table)) return;
    const record = {
      table: table.id,
      coveredUntilMs: Math.max(coveredUntilMs, EARLIEST_MS),
      lateUntil,
    };
    this.journal.append(RECORD_KINDS.covered, (writer) => writeCoveredRecord(writer, record));
  }

  /** Records that blocks hold all stamped chunks of a table before `until`. As with `cover`, it may be lost. */
  coverStamped(table: TableIdentity, until: RecordPlace): void {
    if (!this.parts.definitions.defineTable(table)) return;
    this.journal.append(RECORD_KINDS.stampedCovered, (writer) =>
      writeStampedCoveredRecord(writer, table.id, until),
    );
  }

  /**
   * Makes every chunk durable, and then drops the bodies that need not stay in memory.
   *
   * @throws the system's error
   */
  async commit(): Promise<void> {
    for (const entry of this.waiting)
      if (entry.chunk.place === undefined && !this.write(entry)) break;
    const written = new Set(this.waiting.filter(({ chunk }) => chunk.place !== undefined));
    await this.journal.commit();
    this.waiting = this.waiting.filter((entry) => !written.has(entry));
    for (const { chunk } of written) {
      this.waitingBytes -= chunk.bodyBytes;
      chunk.isDurable = true;
      if (!chunk.keepsBody) chunk.body = undefined;
    }
  }

  /** Records that all chunks of a table so far, and its rows before `rowsUntil`, are deleted. */
  forgetTable(table: TableIdentity, rowsUntil: RecordPlace): void {
    for (const entry of this.waiting)
      if (entry.table === table) this.waitingBytes -= entry.chunk.bodyBytes;
    this.waiting = this.waiting.filter((entry) => entry.table !== table);
    this.parts.definitions.defineTable(table);
    this.journal.append(RECORD_KINDS.deleted, (writer) =>
      writeDeletedRecord(writer, { table: table.id, rowsUntil }),
    );
  }

  /** Forgets places in a segment that was abandoned: the next commit writes its chunks again. */
  rewriteWaiting(): void {
    for (const { chunk } of this.waiting) chunk.place = undefined;
  }

  /** Definitions refer to label sets by their numbers in the registry: call this with those that a sweep forgot. */
  forgetDefinitions(ids: readonly number[]): void {
    this.parts.definitions.forget(ids);
  }

  /**
   * Reads columns of a chunk.
   *
   * @throws {DamagedDataError} when the bytes do not match their checksum
   */
  async read(chunk: Chunk, columns: Uint32Array): Promise<ChunkRows> {
    let rows: ChunkRows | undefined;
    let failure: unknown;
    const take = (body: ByteReader): void => {
      rows = decodeChunk(body, chunk.layout.seriesIds.length, columns);
    };
    const values = chunk.rows * columns.length;
    const fail = (error: unknown): void => void (failure = error);
    await this.reader.read([{ chunk, values, take, fail }], NEVER_PAUSE);
    if (rows === undefined) throw failure;
    return rows;
  }

  /**
   * Reads many chunks, each once, and neighbors together.
   *
   * @throws what `pace` throws
   */
  readAll(requests: readonly ChunkRequest[], pace: Pace): Promise<void> {
    return this.reader.read(requests, pace);
  }

  /** Closes the files of segments before `sequence`. */
  closeBefore(sequence: number): Promise<void> {
    return this.reader.closeBefore(sequence);
  }

  close(): Promise<void> {
    return this.reader.closeBefore(Number.POSITIVE_INFINITY);
  }

  private addWaiting(entry: WaitingChunk): void {
    this.waiting.push(entry);
    this.waitingBytes += entry.chunk.bodyBytes;
    this.write(entry);
  }

  /** @returns false when too much is waiting for the disk; the next commit tries again */
  private write({ chunk, table, stream, sealedUntil }: WaitingChunk): boolean {
    if (!this.parts.definitions.define(table, chunk.layout)) return false;
    const record = {
      table: table.id,
      stream,
      layout: chunk.layout.id,
      sealedUntil,
      fromMs: chunk.fromMs,
      lastMs: chunk.lastMs,
      rows: chunk.rows,
      body: present(chunk.body, "body of a chunk that is not durable"),
    };
    const before = this.journal.segmentBytes;
    chunk.place = this.journal.append(RECORD_KINDS.chunk, (writer) =>
      writeChunkRecord(writer, record),
    );
    if (chunk.place === undefined) return false;
    chunk.recordBytes = this.journal.segmentBytes - before;
    return true;
  }
}
