import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { type ChunkStream, placeAfter, type Row, type Stream } from "../codec/journal-records.js";
import { MAX_STAMPED_SAMPLES, type StampedBatch } from "../codec/stamped-codec.js";
import type { Chunk } from "../model/chunk.js";
import type { InternedLayout } from "../model/layout-registry.js";
import type {
  AppendResult,
  Layout,
  StampedSamples,
  TableKey,
  TableWriter,
} from "../model/sample-writer.js";
import { WINDOW_ROWS } from "./row-window.js";
import { StampedRows } from "./stamped-rows.js";
import type { NamedTable, NameIndex } from "./name-index.js";
import { type HeadResources, StreamRows } from "./stream-rows.js";

export interface TableResources extends HeadResources {
  readonly names: NameIndex<Table>;
}

/**
 * The newest samples of one target.
 *
 * A row of a scrape, a rule or a backfill comes in. It goes to the journal, and to the window of one
 * of two streams: `main` for rows in the order of time, `late` for rows at or before the newest time
 * of the table. A full window becomes a chunk. The caller's own loop runs all of this, synchronously.
 */
export class Table implements TableWriter, NamedTable {
  /** As `tableName` makes it. */
  readonly name: string;
  private byStream: Readonly<Record<Stream, StreamRows>>;
  /** The newest time known for this table. A row at or before it is late. */
  private newestMs: number;
  private appendedRows = 0;
  private stampedRows: StampedRows | undefined;
  /** True when its rows are prepared, which seals windows before they are full. */
  private isLarge = false;

  /** @param newestInBlocksMs newest time in the blocks of the table, -Infinity for none */
  constructor(
    readonly id: number,
    readonly key: TableKey,
    private readonly shared: TableResources,
    newestInBlocksMs: number,
  ) {
    this.name = tableName(key.folder, key.labels);
    this.newestMs = newestInBlocksMs;
    this.byStream = this.emptyStreams();
  }

  /** Another object after `reset`. */
  get streams(): Readonly<Record<Stream, StreamRows>> {
    return this.byStream;
  }

  async prepare(layout: Layout, slices: TimeSlices): Promise<void> {
    this.isLarge = true;
    const rows = this.byStream.main;
    await rows.prepare(rows.internedOf(layout), slices);
  }

  append(timestampMs: number, layout: Layout, values: Float64Array): AppendResult {
    checkRow(timestampMs, layout, values);
    const { counters, rowLog, oldestAllowedMs } = this.shared;
    if (timestampMs < oldestAllowedMs()) {
      counters.tooOldRows++;
      return "too_old";
    }
    const stream = timestampMs > this.newestMs ? "main" : "late";
    const rows = this.byStream[stream];
    const row = { timestampMs, layout: rows.internedOf(layout), values };
    this.noteLayout(rows, row.layout);
    const window = rows.windowFor(row);
    if (rowLog.append(this, stream, row)) rows.noteJournaled(rowLog.sequence);
    else counters.unjournaledRows++;
    counters.appendedRows++;
    counters.appendedSamples += values.length;
    if (stream === "late") counters.lateRows++;
    this.noteRow(timestampMs);
    rows.keep(window, row, this.sealAfterRows());
    return stream === "main" ? "appended" : "late";
  }

  /** Samples with timestamps of their own; undefined until there are some. */
  get stamped(): StampedRows | undefined {
    return this.stampedRows;
  }

  appendStamped(samples: StampedSamples): number {
    const { counters, oldestAllowedMs } = this.shared;
    checkStamped(samples);
    const rows = (this.stampedRows ??= new StampedRows(this, this.shared));
    const accepted = withoutOld(samples, oldestAllowedMs());
    const count = accepted.timestamps.length;
    const layout = rows.internedOf(accepted.layout);
    for (let from = 0; from < count; from += MAX_STAMPED_SAMPLES)
      this.takeStamped(rows, partOf({ ...accepted, layout }, from));
    const tooOld = samples.timestamps.length - count;
    counters.appendedSamples += count;
    counters.tooOldRows += tooOld;
    return tooOld;
  }

  private takeStamped(rows: StampedRows, batch: StampedBatch): void {
    const { counters, rowLog, names } = this.shared;
    names.note(this, batch.layout);
    const isTaken = rowLog.appendStamped(this, batch);
    if (!isTaken) counters.unjournaledRows++;
    rows.keep(batch, isTaken ? rowLog.sequence : undefined);
  }

  /** Takes stamped samples that an earlier run wrote to the journal, at `place`. */
  replayStamped(batch: StampedBatch, place: RecordPlace): void {
    const rows = (this.stampedRows ??= new StampedRows(this, this.shared));
    if (rows.isSealed(place)) return;
    this.shared.rowLog.replayTo(placeAfter(place));
    this.shared.names.note(this, batch.layout);
    rows.keep(batch, place.sequence);
  }

  /** Takes a row that an earlier run wrote to the journal, at `place`. */
  replay(stream: Stream, row: Row, place: RecordPlace): void {
    const rows = this.byStream[stream];
    if (row.timestampMs <= rows.lastMs && stream === "main") return;
    const { rowLog } = this.shared;
    this.noteLayout(rows, row.layout);
    rowLog.replayTo(place);
    const window = rows.windowFor(row);
    rows.noteJournaled(place.sequence);
    rowLog.replayTo(placeAfter(place));
    this.noteRow(row.timestampMs);
    // Tables that sealed at different scrapes before the restart still do: no chunk need be short.
    rows.keep(window, row, WINDOW_ROWS);
  }

  /** Takes a chunk that an earlier run sealed; it holds the row records before `sealedUntil`. */
  addRecovered(stream: ChunkStream, chunk: Chunk, sealedUntil: RecordPlace): void {
    this.shared.names.note(this, chunk.layout);
    if (stream === "stamped") {
      this.stampedRows ??= new StampedRows(this, this.shared);
      this.stampedRows.addRecovered(chunk, sealedUntil);
      return;
    }
    this.byStream[stream].addRecovered(chunk, sealedUntil);
    this.newestMs = Math.max(this.newestMs, chunk.lastMs);
  }

  /** Makes chunks of all rows that are in none. */
  seal(): void {
    this.byStream.main.seal();
    this.byStream.late.seal();
    this.stampedRows?.seal();
  }

  /** Seals everything that a lost segment of the chunk log held, and what is in no chunk. */
  sealAgain(lostSegment: number): void {
    this.byStream.main.sealAgain(lostSegment);
    this.byStream.late.sealAgain(lostSegment);
    this.stampedRows?.sealAgain(lostSegment);
  }

  /**
   * Forgets every row.
   *
   * @param rowsUntil row records before this place are deleted as well
   */
  reset(rowsUntil: RecordPlace): void {
    this.byStream = this.emptyStreams(rowsUntil);
    this.stampedRows = new StampedRows(this, this.shared, rowsUntil);
    this.newestMs = Number.NEGATIVE_INFINITY;
    this.appendedRows = 0;
  }

  private emptyStreams(rowsUntil?: RecordPlace): Readonly<Record<Stream, StreamRows>> {
    return {
      main: new StreamRows(this, "main", this.shared, rowsUntil),
      late: new StreamRows(this, "late", this.shared, rowsUntil),
    };
  }

  *layouts(): Iterable<InternedLayout> {
    const { main, late } = this.byStream;
    for (const { chunks, window } of [main, late]) {
      for (const { layout } of chunks) yield layout;
      if (window !== undefined) yield window.newestLayout;
    }
    for (const { layout } of this.stampedRows?.chunks ?? []) yield layout;
    const layout = this.stampedRows?.window.sharedLayout;
    if (layout !== undefined) yield layout;
  }

  looseSeries(): Uint32Array[] {
    const { main, late } = this.byStream;
    const found: Uint32Array[] = [];
    for (const { window } of [main, late])
      if (window !== undefined && window.sharedLayout === undefined) found.push(window.columns);
    const stamped = this.stampedRows?.window;
    if (stamped !== undefined && stamped.sharedLayout === undefined) found.push(stamped.seriesIds);
    return found;
  }

  private noteLayout({ window }: StreamRows, layout: InternedLayout): void {
    if (window?.newestLayout !== layout) this.shared.names.note(this, layout);
  }

  private noteRow(timestampMs: number): void {
    if (timestampMs > this.newestMs) this.newestMs = timestampMs;
    this.appendedRows++;
  }

  /** The first chunk is shorter, by the number of the table: tables must not all seal at one scrape. */
  private sealAfterRows(): number {
    const first = 1 + (this.id % WINDOW_ROWS);
    return this.appendedRows === first && !this.isLarge ? first : WINDOW_ROWS;
  }
}

/** Identifies a table: its folder and the labels of its target. */
export const tableName = (folder: string, target: Labels): string =>
  `${folder}\u{ffff}${target.key}`;

function checkRow(timestampMs: number, layout: Layout, values: Float64Array): void {
  if (!Number.isSafeInteger(timestampMs)) {
    throw new BadInputError(
      `Cannot store a row at ${timestampMs}: the time must be whole milliseconds`,
    );
  }
  if (values.length !== layout.series.length) {
    throw new RangeError(
      `Cannot store a row: ${values.length} values for ${layout.series.length} series`,
    );
  }
}

function checkStamped({ layout, columns, timestamps, values }: StampedSamples): void {
  const count = timestamps.length;
  if (values.length !== count || (columns ?? layout.series).length !== count) {
    throw new RangeError(
      `Cannot store samples: ${count} timestamps, ${values.length} values, ${(columns ?? layout.series).length} series`,
    );
  }
  const wrong = timestamps.find((timestampMs) => !Number.isSafeInteger(timestampMs));
  if (wrong !== undefined) {
    throw new BadInputError(
      `Cannot store a sample at ${wrong}: the time must be whole milliseconds`,
    );
  }
}

/** The samples from `oldestMs` on. Nearly always these are all of them. */
function withoutOld(samples: StampedSamples, oldestMs: number): StampedSamples {
  const { layout, columns, timestamps, values } = samples;
  if (timestamps.every((timestampMs) => timestampMs >= oldestMs)) return samples;
  const kept = Uint32Array.from(timestamps.keys()).filter(
    (index) => (timestamps[index] as number) >= oldestMs,
  );
  const pick = (source: Float64Array): Float64Array =>
    Float64Array.from(kept, (index) => source[index] as number);
  return {
    layout,
    columns: kept.map((index) => columns?.[index] ?? index),
    timestamps: pick(timestamps),
    values: pick(values),
  };
}

/** A part of a batch that fits in one record. */
function partOf(batch: StampedBatch, from: number): StampedBatch {
  const { layout, columns, timestamps, values } = batch;
  if (timestamps.length <= MAX_STAMPED_SAMPLES) return batch;
  const until = from + MAX_STAMPED_SAMPLES;
  return {
    layout,
    columns:
      columns?.subarray(from, until) ??
      Uint32Array.from(timestamps.subarray(from, until), (_, index) => from + index),
    timestamps: timestamps.subarray(from, until),
    values: values.subarray(from, until),
  };
}
