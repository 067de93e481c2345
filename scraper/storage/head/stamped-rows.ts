import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { TableIdentity } from "../codec/definition-writer.js";
import { isBefore } from "../codec/journal-records.js";
import type { StampedBatch } from "../codec/stamped-codec.js";
import type { Chunk } from "../model/chunk.js";
import type { InternedLayout } from "../model/layout-registry.js";
import type { Layout } from "../model/sample-writer.js";
import type { SeriesSamples } from "../model/stamped.js";
import { StampedWindow } from "./stamped-window.js";
import type { HeadResources } from "./stream-rows.js";

/** A window is sealed at this many samples per series, and at `MOST_SAMPLES`. */
const SAMPLES_PER_SERIES = 60;
const FEWEST_SAMPLES = 256;
/** Sealing must not hold up scrapes: this takes about 30 ms. */
const MOST_SAMPLES = 1 << 17;

/**
 * The stamped samples of a table that no block holds: the newest in a window, older ones in chunks. The
 * chunks may overlap in time.
 */
export class StampedRows {
  readonly window = new StampedWindow();
  private sealed: readonly Chunk[] = [];
  private firstJournaled: number | undefined;
  /** The samples of the newest chunk: queries read them most. */
  private newest: { readonly chunk: Chunk; readonly series: readonly SeriesSamples[] } | undefined;

  constructor(
    private readonly table: TableIdentity,
    private readonly shared: HeadResources,
    /** Records before this place are in chunks or deleted. */
    private sealedUntil: RecordPlace = { sequence: 0, offsetBytes: 0 },
  ) {}

  /** In the order of writing. Changes make a new array. */
  get chunks(): readonly Chunk[] {
    return this.sealed;
  }

  /** Row segment of the oldest sample that is in no chunk. */
  get oldestJournaled(): number | undefined {
    return this.firstJournaled;
  }

  get isEmpty(): boolean {
    return this.sealed.length === 0 && this.window.samples === 0;
  }

  get seriesCount(): number {
    return this.window.seriesCount || (this.sealed.at(-1)?.layout.seriesIds.length ?? 0);
  }

  /** The layout as the registry knows it: a caller may hold one that the registry has forgotten. */
  internedOf(layout: Layout): InternedLayout {
    const { sharedLayout } = this.window;
    return sharedLayout === layout ? sharedLayout : this.shared.registry.current(layout);
  }

  /** The decoded samples of a chunk, if they are in memory. */
  inMemory(chunk: Chunk): readonly SeriesSamples[] | undefined {
    return this.newest?.chunk === chunk ? this.newest.series : undefined;
  }

  /**
   * Adds samples, and seals the window when it is full.
   *
   * @param sequence row segment that holds them, undefined when the journal refused them
   */
  keep(batch: StampedBatch, sequence: number | undefined): void {
    const { window } = this;
    window.append(batch);
    this.firstJournaled ??= sequence;
    const limit = Math.max(FEWEST_SAMPLES, SAMPLES_PER_SERIES * window.seriesCount);
    if (window.samples >= Math.min(limit, MOST_SAMPLES)) this.seal();
  }

  /** Makes a chunk of the samples in the window. */
  seal(): void {
    const { window } = this;
    if (window.samples === 0) return;
    const { chunkLog, counters, registry, maxUndurableBytes } = this.shared;
    if (chunkLog.undurableBytes > maxUndurableBytes) counters.droppedSamples += window.samples;
    else {
      this.sealWindow(window.unionLayout(registry));
      counters.sealedChunks++;
    }
    window.clear();
    this.firstJournaled = undefined;
  }

  /** Seals again what was in a lost segment of the chunk log. Chunks without a body are lost with it. */
  sealAgain(lostSegment: number): void {
    const isLost = ({ place, isDurable }: Chunk): boolean =>
      isDurable && place?.sequence === lostSegment;
    const lost = this.sealed.filter(isLost);
    this.sealed = this.sealed.filter((chunk) => !isLost(chunk));
    for (const chunk of lost) {
      const series = this.inMemory(chunk);
      if (series !== undefined) this.addChunk(chunk.layout, series);
    }
    this.seal();
  }

  removeChunks(isRemoved: (chunk: Chunk) => boolean): void {
    this.sealed = this.sealed.filter((chunk) => !isRemoved(chunk));
    if (this.newest !== undefined && isRemoved(this.newest.chunk)) this.newest = undefined;
  }

  /** Takes a chunk that an earlier run sealed. */
  addRecovered(chunk: Chunk, sealedUntil: RecordPlace): void {
    this.sealed = [...this.sealed, chunk];
    this.sealedUntil = sealedUntil;
  }

  /** True when the samples of a record at `place` are in a chunk already, or deleted. */
  isSealed(place: RecordPlace): boolean {
    return isBefore(place, this.sealedUntil);
  }

  private sealWindow(layout: InternedLayout): void {
    this.sealedUntil = this.shared.rowLog.takenUntil;
    this.addChunk(layout, this.window.bySeries());
  }

  private addChunk(layout: InternedLayout, series: readonly SeriesSamples[]): void {
    const { table, shared, sealedUntil, firstJournaled: oldestJournaled } = this;
    const origin = { table, stream: "stamped", sealedUntil } as const;
    const chunk = shared.chunkLog.sealStamped(origin, { layout, series, oldestJournaled });
    this.sealed = [...this.sealed, chunk];
    this.newest = { chunk, series };
  }
}
