import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { TableIdentity } from "../codec/definition-writer.js";
import { isBefore, type Row, type Stream } from "../codec/journal-records.js";
import type { Chunk } from "../model/chunk.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";
import type { Layout } from "../model/sample-writer.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { AreaPool } from "./area-pool.js";
import type { ChunkLog } from "./chunk-log.js";
import type { RowLog } from "./row-log.js";
import { encodeChunkInSlices } from "../codec/chunk-codec.js";
import { RowWindow, WINDOW_ROWS } from "./row-window.js";

/** Parts of the head that its tables share. */
export interface HeadResources {
  readonly registry: LayoutRegistry;
  readonly areas: AreaPool;
  readonly rowLog: RowLog;
  readonly chunkLog: ChunkLog;
  readonly counters: StorageCounters;
  /**
   * Bytes of chunks that may be in memory only, over all tables. Above that, a table that has to seal
   * drops its rows.
   */
  readonly maxUndurableBytes: number;
  /** Rows before this time are refused. */
  readonly oldestAllowedMs: () => number;
}

/** The rows of one stream of a table that no block holds: the newest in a window, older ones in chunks. */
export class StreamRows {
  private newestMs = Number.NEGATIVE_INFINITY;
  private coveredUntil = Number.NEGATIVE_INFINITY;
  private newest: RowWindow | undefined;
  private sealed: Chunk[] = [];
  private firstJournaled: number | undefined;

  constructor(
    private readonly table: TableIdentity,
    private readonly stream: Stream,
    private readonly shared: HeadResources,
    /** Row records of the stream before this place are in chunks or deleted. */
    private sealedUntil: RecordPlace = { sequence: 0, offsetBytes: 0 },
  ) {}

  /** Time of the row added last. */
  get lastMs(): number {
    return this.newestMs;
  }

  /** Rows before this time are in blocks. */
  get coveredUntilMs(): number {
    return this.coveredUntil;
  }

  /** The newest rows, uncompressed. */
  get window(): RowWindow | undefined {
    return this.newest;
  }

  /** Oldest first. Chunks of the main stream do not overlap. Once recovered, changes make a new array. */
  get chunks(): readonly Chunk[] {
    return this.sealed;
  }

  /** Row segment of the oldest row that is in no chunk. */
  get oldestJournaled(): number | undefined {
    return this.firstJournaled;
  }

  get isEmpty(): boolean {
    return this.sealed.length === 0 && this.newest === undefined;
  }

  /** Series of the newest rows. */
  get seriesCount(): number {
    return this.newest?.columns.length ?? this.sealed.at(-1)?.layout.seriesIds.length ?? 0;
  }

  /** Time of the oldest row, undefined when there is none. */
  get firstMs(): number | undefined {
    const { newest } = this;
    const [oldest] = this.sealed;
    if (oldest !== undefined) return oldest.fromMs;
    return newest !== undefined && newest.rows > 0 ? newest.timestampAt(0) : undefined;
  }

  /**
   * The layout as the registry knows it. A caller may hold one that the registry has forgotten; the
   * newest layout of a window is always known.
   */
  internedOf(layout: Layout): InternedLayout {
    const { newest } = this;
    return newest?.newestLayout === layout
      ? newest.newestLayout
      : this.shared.registry.current(layout);
  }

  /** A window that can take the row; a full or unsuitable one is sealed first. */
  windowFor({ timestampMs, layout }: Row): RowWindow {
    const { newest } = this;
    // Late rows come in any order: one that is not newer than the last starts a new window.
    if (newest !== undefined && timestampMs > this.newestMs && newest.canTake(layout))
      return newest;
    this.seal();
    this.newest = new RowWindow(layout, this.shared.areas);
    return this.newest;
  }

  /**
   * Adds a row to its window, and seals the window at `sealAfter` rows.
   *
   * @param window as `windowFor` returned it for the row
   */
  keep(window: RowWindow, row: Row, sealAfter: number): void {
    window.append(row.timestampMs, row.layout, row.values, this.shared.registry);
    this.newestMs = row.timestampMs;
    if (window.rows >= sealAfter) this.seal();
  }

  /** Notes that the next row is in a segment of the row journal, which must stay until it is sealed. */
  noteJournaled(sequence: number): void {
    this.firstJournaled ??= sequence;
  }

  /**
   * Does the work that the next row of a large layout needs, in slices: seals a window that is full or
   * cannot take the row, and defines the layout in the journal. The caller holds the registry.
   */
  async prepare(layout: InternedLayout, slices: TimeSlices): Promise<void> {
    const { newest: window, table, shared } = this;
    if (window !== undefined && (window.rows >= WINDOW_ROWS - 1 || !window.canTake(layout)))
      await this.sealInSlices(window, slices);
    await shared.rowLog.prepare(table, layout, slices);
  }

  /** Seals the window, unless it changes meanwhile: then it is sealed later, as a whole. */
  private async sealInSlices(window: RowWindow, slices: TimeSlices): Promise<void> {
    const { rows, columns } = window;
    if (rows === 0) return;
    const { chunkLog, registry } = this.shared;
    const timestamps = window.copyTimestamps(0, rows);
    const isUnchanged = (): boolean =>
      this.newest === window &&
      window.rows === rows &&
      window.timestampAt(rows - 1) === timestamps[rows - 1] &&
      window.columns.length === columns.length;
    await chunkLog.prepare(this.table, window.unionLayout(registry), slices);
    const values = new Float64Array(rows);
    const columnAt = (column: number): Float64Array => {
      if (isUnchanged()) window.readColumn(column, 0, values);
      return values;
    };
    const body = await encodeChunkInSlices(timestamps, columns.length, columnAt, slices);
    if (isUnchanged()) this.seal(body);
  }

  /**
   * Makes a chunk of the rows in the window.
   *
   * @param encoded the body of the chunk, if it was encoded before
   */
  seal(encoded?: Uint8Array): void {
    const { newest: window } = this;
    if (window === undefined || window.rows === 0) return;
    const { chunkLog, counters, registry, maxUndurableBytes } = this.shared;
    const layout = window.unionLayout(registry);
    if (chunkLog.undurableBytes > maxUndurableBytes) {
      counters.droppedSamples += window.rows * layout.seriesIds.length;
    } else {
      this.sealWindow(window, layout, encoded);
      counters.sealedChunks++;
    }
    window.clear(registry);
    this.firstJournaled = undefined;
  }

  /** Seals again what was in a lost segment of the chunk log. Chunks without a body are lost with it. */
  sealAgain(lostSegment: number): void {
    const { chunkLog } = this.shared;
    const isLost = ({ place, isDurable }: Chunk): boolean =>
      isDurable && place?.sequence === lostSegment;
    const lost = this.sealed.filter(isLost);
    this.sealed = this.sealed.filter((chunk) => !isLost(chunk) || chunk.body !== undefined);
    for (const chunk of lost) {
      if (chunk.body === undefined) continue;
      const { table, stream, sealedUntil } = this;
      chunkLog.sealAgain({ chunk, table, stream, sealedUntil });
    }
    this.seal();
  }

  /** Notes that blocks hold every row before `untilMs`, and drops the chunks that have no later row. */
  cover(untilMs: number): void {
    this.coveredUntil = untilMs;
    this.removeChunks(({ lastMs }) => lastMs < untilMs);
  }

  removeChunks(isRemoved: (chunk: Chunk) => boolean): void {
    this.sealed = this.sealed.filter((chunk) => !isRemoved(chunk));
  }

  /** Takes a chunk that an earlier run sealed. */
  addRecovered(chunk: Chunk, sealedUntil: RecordPlace): void {
    this.sealed.push(chunk);
    this.sealedUntil = sealedUntil;
    this.newestMs = chunk.lastMs;
  }

  /** True when the row of a record at `place` is in a chunk already, or deleted. */
  isSealed(place: RecordPlace): boolean {
    return isBefore(place, this.sealedUntil);
  }

  private sealWindow(
    window: RowWindow,
    layout: InternedLayout,
    encoded: Uint8Array | undefined,
  ): void {
    const { table, stream, shared } = this;
    const timestamps = window.copyTimestamps(0, window.rows);
    const values = new Float64Array(timestamps.length);
    const columnAt = (column: number): Float64Array => {
      window.readColumn(column, 0, values);
      return values;
    };
    const sealedUntil = shared.rowLog.takenUntil;
    const rows = { layout, timestamps, columnAt, oldestJournaled: this.firstJournaled };
    const chunk = shared.chunkLog.seal({ table, stream, sealedUntil }, rows, encoded);
    const before = this.sealed.at(-1);
    if (before !== undefined) {
      before.keepsBody = false;
      if (before.isDurable) before.body = undefined;
    }
    this.sealed = [...this.sealed, chunk];
    this.sealedUntil = sealedUntil;
  }
}
