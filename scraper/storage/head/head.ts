import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { Journal, RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { AreaPool } from "./area-pool.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Chunk } from "../model/chunk.js";
import type { DefinitionWriter } from "../codec/definition-writer.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";
import { RECORD_KINDS, type Stream, STREAMS } from "../model/record-kinds.js";
import { encodeRow } from "../codec/row-codec.js";
import { RowWindow, WINDOW_ROWS } from "./row-window.js";
import type { Layout, TableKey } from "../model/sample-writer.js";
import type { StorageCounters } from "../model/storage-counters.js";
import { type AppendResult, type StreamRows, Table, tableName } from "./table.js";

/**
 * Chunks that may be in memory only, together; beyond, the oldest rows of the table at hand are
 * given up.
 */
const MAX_UNDURABLE_BYTES = 256 * 1024 * 1024;
/** Folders below the data folder that may hold tables; no part may climb out. */
const TABLE_FOLDER = /^[A-Za-z0-9_][A-Za-z0-9_.:%-]*(\/[A-Za-z0-9_][A-Za-z0-9_.:%-]*)*$/;

export interface HeadParts {
  readonly registry: LayoutRegistry;
  readonly rowLog: Journal;
  readonly rowDefinitions: DefinitionWriter;
  readonly chunkLog: ChunkLog;
  readonly counters: StorageCounters;
  /** Rows before this are refused. */
  readonly oldestAllowedMs: () => number;
  /** Newest time in the blocks of a folder, -Infinity when it has none. */
  readonly newestInBlocksMs: (folder: string) => number;
  /** Called after every row taken. */
  readonly onRow: () => void;
}

/** A row that the journal holds already. */
export interface ReplayedRow {
  readonly timestampMs: number;
  readonly layout: InternedLayout;
  readonly values: Float64Array;
  readonly place: RecordPlace;
}

/** All tables: takes rows, journals them, keeps the newest, seals the others into chunks. */
export class Head {
  readonly tables = new Map<string, Table>();
  private readonly areas = new AreaPool();
  private nextTableId = 1;
  /** Row records before this place are in windows or chunks. */
  private journaledUntil: RecordPlace = { sequence: 0, offsetBytes: 0 };

  constructor(private readonly parts: HeadParts) {}

  /** @throws {BadInputError} when the folder is not one below the data folder */
  openTable(key: TableKey): Table {
    const name = tableName(key.folder, key.labels);
    const known = this.tables.get(name);
    if (known !== undefined) return known;
    if (!TABLE_FOLDER.test(key.folder)) {
      throw new BadInputError(
        `Cannot open table "${key.folder}": it must be a relative path of plain names`,
      );
    }
    const table = new Table(this.nextTableId++, key, (...row) => this.append(...row));
    table.lastMs = this.parts.newestInBlocksMs(key.folder);
    this.tables.set(name, table);
    return table;
  }

  /**
   * Forgets all that the tables of a folder hold, also for the next start.
   *
   * @throws the system's error
   */
  async deleteFolder(folder: string): Promise<void> {
    const { chunkLog } = this.parts;
    for (const table of this.tables.values()) {
      if (table.key.folder !== folder) continue;
      table.reset();
      chunkLog.forgetTable(table, this.journaledUntil);
    }
    await chunkLog.commit();
  }

  /** Takes a row found in the journal at start. */
  replay(table: Table, stream: Stream, row: ReplayedRow): void {
    const rows = table.streams[stream];
    if (row.timestampMs <= rows.lastMs && stream === "main") return;
    this.journaledUntil = row.place;
    const window = this.windowFor(table, stream, row.timestampMs, row.layout);
    rows.oldestJournaled ??= row.place.sequence;
    this.journaledUntil = { ...row.place, offsetBytes: row.place.offsetBytes + 1 };
    // Tables that were sealed at different scrapes before still are: no chunk need be short.
    this.keep(table, stream, window, row, WINDOW_ROWS);
  }

  /** Makes a chunk of the rows of a table that are in none yet. */
  seal(table: Table, stream: Stream): void {
    const rows = table.streams[stream];
    const { window } = rows;
    if (window === undefined || window.rows === 0) return;
    const { chunkLog, counters, registry } = this.parts;
    const layout = window.unionLayout(registry);
    if (chunkLog.undurableBytes > MAX_UNDURABLE_BYTES) {
      counters.droppedSamples += window.rows * layout.seriesIds.length;
    } else {
      const sealedUntil = this.journaledUntil;
      const timestamps = window.copyTimestamps(0, window.rows);
      const values = new Float64Array(timestamps.length);
      const columnAt = (column: number): Float64Array => {
        window.readColumn(column, 0, values);
        return values;
      };
      const chunk = chunkLog.seal(table, stream, { layout, timestamps, columnAt }, sealedUntil);
      const before = rows.chunks.at(-1);
      if (before?.isDurable === true) before.body = undefined;
      rows.chunks = [...rows.chunks, chunk];
      rows.sealedUntil = sealedUntil;
      counters.sealedChunks++;
    }
    window.clear(registry);
    rows.oldestJournaled = undefined;
  }

  /** Makes chunks of all rows that have none. */
  sealEverything(): void {
    for (const table of this.tables.values()) {
      this.seal(table, "main");
      this.seal(table, "late");
    }
  }

  /** Makes chunks of all that is in memory once more: a segment with chunks was lost. */
  sealAgain(lostChunkSegment: number): void {
    for (const table of this.tables.values()) {
      for (const stream of ["main", "late"] as const) {
        const rows = table.streams[stream];
        const isLost = ({ place, isDurable }: Chunk): boolean =>
          isDurable && place?.sequence === lostChunkSegment;
        const lost = rows.chunks.filter(isLost);
        rows.chunks = rows.chunks.filter((chunk) => !isLost(chunk) || chunk.body !== undefined);
        for (const chunk of lost)
          if (chunk.body !== undefined) this.parts.chunkLog.sealAgain(table, stream, chunk);
      }
    }
    this.sealEverything();
  }

  /** The oldest row segment that is still needed; everything before may be removed. */
  oldestNeededSegment(): number {
    let oldest = Math.min(this.parts.rowLog.sequence, this.parts.chunkLog.oldestJournaled);
    for (const { streams } of this.tables.values()) {
      oldest = Math.min(
        oldest,
        streams.main.oldestJournaled ?? oldest,
        streams.late.oldestJournaled ?? oldest,
      );
    }
    return oldest;
  }

  private append(
    table: Table,
    timestampMs: number,
    layout: Layout,
    values: Float64Array,
  ): AppendResult {
    if (!Number.isSafeInteger(timestampMs)) {
      throw new BadInputError(
        `Cannot store a row at ${timestampMs}: its time must be whole milliseconds`,
      );
    }
    if (values.length !== layout.series.length) {
      throw new RangeError(
        `Cannot store a row: ${values.length} values for ${layout.series.length} series`,
      );
    }
    const { counters } = this.parts;
    if (timestampMs < this.parts.oldestAllowedMs()) {
      counters.tooOldRows++;
      return "too_old";
    }
    const stream = timestampMs > table.lastMs ? "main" : "late";
    const interned = this.internedOf(table, stream, layout);
    const window = this.windowFor(table, stream, timestampMs, interned);
    if (this.journalRow(table, stream, timestampMs, interned, values)) {
      table.streams[stream].oldestJournaled ??= this.parts.rowLog.sequence;
    } else {
      counters.unjournaledRows++;
    }
    this.journaledUntil = {
      sequence: this.parts.rowLog.sequence,
      offsetBytes: this.parts.rowLog.segmentBytes,
    };
    counters.appendedRows++;
    counters.appendedSamples += values.length;
    if (stream === "late") counters.lateRows++;
    const row = { timestampMs, layout: interned, values };
    this.keep(table, stream, window, row, sealAfterRows(table));
    this.parts.onRow();
    return stream === "main" ? "appended" : "late";
  }

  /**
   * A caller may hold a layout that the registry has forgotten; the newest one of a window is
   * always known.
   */
  private internedOf(table: Table, stream: Stream, layout: Layout): InternedLayout {
    const { window } = table.streams[stream];
    return window?.newestLayout === layout
      ? window.newestLayout
      : this.parts.registry.current(layout);
  }

  private journalRow(
    table: Table,
    stream: Stream,
    timestampMs: number,
    layout: InternedLayout,
    values: Float64Array,
  ): boolean {
    const { rowLog, rowDefinitions } = this.parts;
    if (values.length === 0) return true;
    if (!rowDefinitions.define(table, layout)) return false;
    const place = rowLog.append(RECORD_KINDS.row, (writer) => {
      writer.varint(table.id);
      writer.u8(STREAMS[stream]);
      writer.varint(layout.id);
      writer.signedVarint(timestampMs);
      encodeRow(values, writer);
    });
    return place !== undefined;
  }

  private keep(
    table: Table,
    stream: Stream,
    window: RowWindow,
    row: Omit<ReplayedRow, "place">,
    sealAfter: number,
  ): void {
    window.append(row.timestampMs, row.layout, row.values, this.parts.registry);
    table.streams[stream].lastMs = row.timestampMs;
    table.lastMs = Math.max(table.lastMs, row.timestampMs);
    table.appendedRows++;
    if (window.rows >= sealAfter) this.seal(table, stream);
  }

  /** A window that can take the row, begun afresh where the old one cannot. */
  private windowFor(
    table: Table,
    stream: Stream,
    timestampMs: number,
    layout: InternedLayout,
  ): RowWindow {
    const rows: StreamRows = table.streams[stream];
    // Late rows come in any order: one that is not after the last begins a window of its own.
    if (rows.window !== undefined && timestampMs > rows.lastMs && rows.window.canTake(layout))
      return rows.window;
    this.seal(table, stream);
    rows.window = new RowWindow(layout, this.areas);
    return rows.window;
  }
}

/**
 * The first chunk of a table is shorter by its number, so that tables do not all seal at the same
 * scrape.
 */
function sealAfterRows(table: Table): number {
  const first = 1 + (table.id % WINDOW_ROWS);
  return table.appendedRows + 1 === first ? first : WINDOW_ROWS;
}
