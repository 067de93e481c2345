import type { Journal } from "../../../exporter/shared/journal/journal.js";
import type { Segment } from "../../../exporter/shared/journal/segment.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { ChunkLog } from "./chunk-log.js";
import type { DefinitionWriter } from "../codec/definition-writer.js";
import type { Head } from "./head.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import type { Layout } from "../model/sample-writer.js";
import type { StreamRows } from "./table.js";

/** A row segment is closed at this size or age, whichever comes first. */
const ROW_SEGMENT_BYTES = 32 * 1024 * 1024;
const ROW_SEGMENT_AGE_MS = 5 * 60_000;
/** Rows that keep a segment this old are sealed, however few they are. */
const LONGEST_PINNED_MS = 20 * 60_000;
/** A chunk segment is closed at this size or age. */
const CHUNK_SEGMENT_BYTES = 64 * 1024 * 1024;
const CHUNK_SEGMENT_AGE_MS = 30 * 60_000;
/** Kept for longer than any row segment: chunk segments say which rows are sealed or deleted. */
const SHORTEST_CHUNK_SEGMENT_LIFE_MS = 60 * 60_000;
/** Label sets are swept when this many more are known than after the last sweep. */
const SWEEP_AFTER_SERIES = 10_000;
/** The same for layouts: a target may send the same series in ever another order. */
const SWEEP_AFTER_LAYOUTS = 500;

export interface MaintenanceParts {
  readonly head: Head;
  readonly rowLog: Journal;
  readonly rowDefinitions: DefinitionWriter;
  readonly chunkLog: ChunkLog;
  readonly registry: LayoutRegistry;
  readonly clock: Clock;
  /** Segments that earlier runs left. */
  readonly rowSegments: readonly Segment[];
  readonly chunkSegments: readonly Segment[];
  /** Chunks older than this are due for blocks whatever they hold. */
  readonly longestInHeadMs: number;
}

/** A segment on disk, and when this process began or found it. */
interface KnownSegment {
  readonly sequence: number;
  readonly sinceMs: number;
}

/** Keeps the journal short and the registry small. */
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
    this.rowSegments = known(parts.rowSegments, parts.rowLog);
    this.chunkSegments = known(parts.chunkSegments, parts.chunkLog.journal);
  }

  /** Chunks in segments before this one are to go to blocks. */
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
    await this.roll(rowLog, this.rowSegments, {
      sizeBytes: ROW_SEGMENT_BYTES,
      ageMs: ROW_SEGMENT_AGE_MS,
    });
    this.sealPinned();
    this.sweepRegistry();
    await chunkLog.commit();
    await this.removeRowSegments();
    await this.roll(chunkLog.journal, this.chunkSegments, {
      sizeBytes: CHUNK_SEGMENT_BYTES,
      ageMs: CHUNK_SEGMENT_AGE_MS,
    });
    await this.removeChunkSegments();
  }

  private async roll(
    journal: Journal,
    segments: KnownSegment[],
    limits: { readonly sizeBytes: number; readonly ageMs: number },
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
    for (const table of head.tables.values()) {
      for (const stream of ["main", "late"] as const) {
        const rows = table.streams[stream];
        if ((rows.oldestJournaled ?? Number.POSITIVE_INFINITY) >= oldSequence) continue;
        head.seal(table, stream);
      }
    }
  }

  private async removeRowSegments(): Promise<void> {
    const { head, rowLog } = this.parts;
    const needed = head.oldestNeededSegment();
    this.rowSegments = await remove(rowLog, this.rowSegments, ({ sequence }) => sequence < needed);
  }

  private async removeChunkSegments(): Promise<void> {
    const { head, chunkLog, clock } = this.parts;
    let needed = chunkLog.journal.sequence;
    for (const { streams } of head.tables.values()) {
      for (const { chunks } of [streams.main, streams.late]) {
        for (const { place } of chunks) needed = Math.min(needed, place?.sequence ?? needed);
      }
    }
    const beforeMs = clock.monotonicMs() - SHORTEST_CHUNK_SEGMENT_LIFE_MS;
    const isOver = ({ sequence, sinceMs }: KnownSegment): boolean =>
      sequence < needed && sinceMs < beforeMs;
    this.chunkSegments = await remove(chunkLog.journal, this.chunkSegments, isOver);
    await chunkLog.closeBefore(this.chunkSegments[0]?.sequence ?? 0);
  }

  /**
   * Forgets layouts that nothing in memory has, now and at the sweep before: a caller that has just
   * interned one gets to use it.
   */
  private sweepRegistry(): void {
    const { registry, rowDefinitions, chunkLog, head } = this.parts;
    const isGrown =
      registry.seriesCount >= this.seriesAfterSweep + SWEEP_AFTER_SERIES ||
      registry.layoutCount >= this.layoutsAfterSweep + SWEEP_AFTER_LAYOUTS;
    if (!isGrown) return;
    const layouts = new Set<Layout>();
    const idLists: Uint32Array[] = [];
    for (const { streams } of head.tables.values()) {
      for (const rows of [streams.main, streams.late]) collect(rows, layouts, idLists);
    }
    registry.keepOnly(new Set([...layouts, ...this.layoutsBefore]), idLists);
    this.layoutsBefore = layouts;
    this.seriesAfterSweep = registry.seriesCount;
    this.layoutsAfterSweep = registry.layoutCount;
    rowDefinitions.forget();
    chunkLog.definitions.forget();
  }
}

/**
 * Removes segments from the oldest on, as long as they may go. The newest on disk stays: numbers
 * never begin again.
 */
async function remove(
  journal: Journal,
  segments: readonly KnownSegment[],
  mayGo: (segment: KnownSegment) => boolean,
): Promise<KnownSegment[]> {
  let count = 0;
  while (count < segments.length - 2 && mayGo(segments[count] as KnownSegment)) count++;
  await journal.remove(segments.slice(0, count).map(({ sequence }) => sequence));
  return segments.slice(count);
}

function collect(rows: StreamRows, layouts: Set<Layout>, idLists: Uint32Array[]): void {
  for (const { layout } of rows.chunks) layouts.add(layout);
  if (rows.window === undefined) return;
  layouts.add(rows.window.newestLayout);
  idLists.push(rows.window.columns);
}
