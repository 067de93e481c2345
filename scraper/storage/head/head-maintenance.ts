import type { Journal } from "../../../exporter/shared/journal/journal.js";
import type { Segment } from "../../../exporter/shared/journal/segment.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import type { Layout } from "../model/sample-writer.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Head } from "./head.js";
import type { RowLog } from "./row-log.js";
import type { StreamRows } from "./stream-rows.js";

/** A segment is closed at its size or age, whichever comes first. */
interface SegmentLimits {
  readonly sizeBytes: number;
  readonly ageMs: number;
}

const ROW_SEGMENT_LIMITS: SegmentLimits = { sizeBytes: 32 * 1024 * 1024, ageMs: 5 * 60_000 };
const CHUNK_SEGMENT_LIMITS: SegmentLimits = { sizeBytes: 64 * 1024 * 1024, ageMs: 30 * 60_000 };
/** Rows that keep a row segment of this age from being removed are sealed, however few they are. */
const LONGEST_PINNED_MS = 20 * 60_000;
/** Longer than the life of any row segment: chunk segments say which of its rows are sealed or deleted. */
const SHORTEST_CHUNK_SEGMENT_LIFE_MS = 60 * 60_000;
/** The registry is swept when it holds this many more label sets than after the last sweep. */
const SWEEP_AFTER_SERIES = 10_000;
/** The same for layouts: a target may send its series in another order at each scrape. */
const SWEEP_AFTER_LAYOUTS = 500;

export interface MaintenanceParts {
  readonly head: Head;
  readonly rowLog: RowLog;
  readonly chunkLog: ChunkLog;
  readonly registry: LayoutRegistry;
  readonly clock: Clock;
  /** Segments of earlier runs. */
  readonly rowSegments: readonly Segment[];
  readonly chunkSegments: readonly Segment[];
  /** Chunks older than this are due for blocks, whatever they hold. */
  readonly longestInHeadMs: number;
}

/** A segment on disk, and when this process started or found it. */
interface KnownSegment {
  readonly sequence: number;
  readonly sinceMs: number;
}

/** Keeps the journals short and the registry small. A loop of the storage runs it every 30 s. */
export class HeadMaintenance {
  private rowSegments: KnownSegment[];
  private chunkSegments: KnownSegment[];
  private layoutsBefore: ReadonlySet<Layout> = new Set();
  private seriesAfterSweep = 0;
  private layoutsAfterSweep = 0;

  constructor(private readonly parts: MaintenanceParts) {
    const sinceMs = parts.clock.monotonicMs();
    const known = (found: readonly Segment[], journal: Journal): KnownSegment[] =>
      [...found, journal].map(({ sequence }) => ({ sequence, sinceMs }));
    this.rowSegments = known(parts.rowSegments, parts.rowLog.journal);
    this.chunkSegments = known(parts.chunkSegments, parts.chunkLog.journal);
  }

  /** Chunks in segments before this one are due for blocks. */
  get oldChunkSegment(): number {
    const beforeMs = this.parts.clock.monotonicMs() - this.parts.longestInHeadMs;
    return (
      this.chunkSegments.find(({ sinceMs }) => sinceMs > beforeMs)?.sequence ??
      this.parts.chunkLog.journal.sequence
    );
  }

  /** @throws the system's error when the disk refuses */
  async run(): Promise<void> {
    const { rowLog, chunkLog } = this.parts;
    await this.roll(rowLog.journal, this.rowSegments, ROW_SEGMENT_LIMITS);
    this.sealPinned();
    this.parts.registry.whenReleased(() => this.sweepRegistry());
    await chunkLog.commit();
    await this.removeRowSegments();
    await this.roll(chunkLog.journal, this.chunkSegments, CHUNK_SEGMENT_LIMITS);
    await this.removeChunkSegments();
  }

  private async roll(
    journal: Journal,
    segments: KnownSegment[],
    limits: SegmentLimits,
  ): Promise<void> {
    const { clock } = this.parts;
    const ageMs = clock.monotonicMs() - (segments.at(-1)?.sinceMs ?? 0);
    if (journal.segmentBytes >= limits.sizeBytes || ageMs >= limits.ageMs) await journal.roll();
    if (segments.at(-1)?.sequence !== journal.sequence) {
      segments.push({ sequence: journal.sequence, sinceMs: clock.monotonicMs() });
    }
  }

  private sealPinned(): void {
    const { head, clock } = this.parts;
    const beforeMs = clock.monotonicMs() - LONGEST_PINNED_MS;
    const oldSequence =
      this.rowSegments.findLast(({ sinceMs }) => sinceMs <= beforeMs)?.sequence ?? -1;
    for (const { streams, stamped } of head.tables.values()) {
      for (const rows of [
        streams.main,
        streams.late,
        ...(stamped === undefined ? [] : [stamped]),
      ]) {
        if ((rows.oldestJournaled ?? Number.POSITIVE_INFINITY) < oldSequence) rows.seal();
      }
    }
  }

  private async removeRowSegments(): Promise<void> {
    const { head, rowLog } = this.parts;
    const needed = head.oldestNeededSegment();
    const isOver = ({ sequence }: KnownSegment): boolean => sequence < needed;
    this.rowSegments = await removeOldest(rowLog.journal, this.rowSegments, isOver);
  }

  private async removeChunkSegments(): Promise<void> {
    const { head, chunkLog, clock } = this.parts;
    let needed = chunkLog.journal.sequence;
    for (const { streams, stamped } of head.tables.values()) {
      for (const chunks of [streams.main.chunks, streams.late.chunks, stamped?.chunks ?? []]) {
        for (const { place } of chunks) needed = Math.min(needed, place?.sequence ?? needed);
      }
    }
    const beforeMs = clock.monotonicMs() - SHORTEST_CHUNK_SEGMENT_LIFE_MS;
    const isOver = ({ sequence, sinceMs }: KnownSegment): boolean =>
      sequence < needed && sinceMs < beforeMs;
    this.chunkSegments = await removeOldest(chunkLog.journal, this.chunkSegments, isOver);
    await chunkLog.closeBefore(this.chunkSegments[0]?.sequence ?? 0);
  }

  /**
   * Forgets layouts that nothing in memory uses, neither now nor at the sweep before: a caller that
   * has just interned a layout gets to use it.
   */
  private sweepRegistry(): void {
    const { registry, rowLog, chunkLog, head } = this.parts;
    const isGrown =
      registry.seriesCount >= this.seriesAfterSweep + SWEEP_AFTER_SERIES ||
      registry.layoutCount >= this.layoutsAfterSweep + SWEEP_AFTER_LAYOUTS;
    if (!isGrown) return;
    const layouts = new Set<Layout>();
    const idLists: Uint32Array[] = [];
    for (const { streams, stamped } of head.tables.values()) {
      for (const rows of [streams.main, streams.late]) collectUsed(rows, layouts, idLists);
      if (stamped === undefined) continue;
      for (const { layout } of stamped.chunks) layouts.add(layout);
      const { sharedLayout, seriesIds } = stamped.window;
      if (sharedLayout !== undefined) layouts.add(sharedLayout);
      idLists.push(seriesIds);
    }
    const forgotten = registry.keepOnly(new Set([...layouts, ...this.layoutsBefore]), idLists);
    head.names.rebuild(head.tables.values(), registry);
    this.layoutsBefore = layouts;
    this.seriesAfterSweep = registry.seriesCount;
    this.layoutsAfterSweep = registry.layoutCount;
    rowLog.forgetDefinitions(forgotten);
    chunkLog.forgetDefinitions(forgotten);
  }
}

/**
 * Removes segments from the oldest on, up to the first that is still needed. The two newest stay, so
 * that numbers of segments never start again.
 */
async function removeOldest(
  journal: Journal,
  segments: readonly KnownSegment[],
  isOver: (segment: KnownSegment) => boolean,
): Promise<KnownSegment[]> {
  const needed = segments.slice(0, -2).findIndex((segment) => !isOver(segment));
  const count = needed === -1 ? Math.max(0, segments.length - 2) : needed;
  await journal.remove(segments.slice(0, count).map(({ sequence }) => sequence));
  return segments.slice(count);
}

function collectUsed(rows: StreamRows, layouts: Set<Layout>, idLists: Uint32Array[]): void {
  for (const { layout } of rows.chunks) layouts.add(layout);
  if (rows.window === undefined) return;
  layouts.add(rows.window.newestLayout);
  idLists.push(rows.window.columns);
}
