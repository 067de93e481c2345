import type { Journal } from "../../exporter/shared/journal/journal.js";
import type { Segment } from "../../exporter/shared/journal/segment.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { ChunkLog } from "./chunk-log.js";
import type { DefinitionWriter } from "./definition-writer.js";
import type { Head } from "./head.js";
import type { LayoutRegistry } from "./layout-registry.js";
import type { Layout } from "./sample-writer.js";
import type { StreamRows } from "./table.js";

/** A row segment is closed at this size or age, whichever comes first. */
const ROW_SEGMENT_BYTES = 32 * 1024 * 1024;
const ROW_SEGMENT_AGE_MS = 5 * 60_000;
/** Rows that keep a segment this old are sealed, however few they are. */
const LONGEST_PINNED_MS = 20 * 60_000;
/** Label sets are swept when this many more are known than after the last sweep. */
const SWEEP_AFTER_SERIES = 10_000;

export interface MaintenanceParts {
  readonly head: Head;
  readonly rowLog: Journal;
  readonly rowDefinitions: DefinitionWriter;
  readonly chunkLog: ChunkLog;
  readonly registry: LayoutRegistry;
  readonly clock: Clock;
  /** Row segments that earlier runs left. */
  readonly rowSegments: readonly Segment[];
}

/** Keeps the journal short and the registry small. */
export class HeadMaintenance {
  /** Row segments on disk and when this process began or found them. */
  private segments: { sequence: number; sinceMs: number }[];
  private layoutsBefore: ReadonlySet<Layout> = new Set();
  private seriesAfterSweep = 0;

  constructor(private readonly parts: MaintenanceParts) {
    const sinceMs = parts.clock.monotonicMs();
    this.segments = parts.rowSegments.map(({ sequence }) => ({ sequence, sinceMs }));
    this.segments.push({ sequence: parts.rowLog.sequence, sinceMs });
  }

  /** @throws the system's error when the disk refuses */
  async run(): Promise<void> {
    await this.rollRows();
    this.sealPinned();
    this.sweepRegistry();
    await this.removeSealedSegments();
  }

  /** Makes chunks of all rows that have none, wherever they are. */
  sealEverything(): void {
    for (const table of this.parts.head.tables.values()) {
      this.parts.head.seal(table, "main");
      this.parts.head.seal(table, "late");
    }
  }

  private async rollRows(): Promise<void> {
    const { rowLog, clock } = this.parts;
    const current = this.segments.at(-1);
    const ageMs = clock.monotonicMs() - (current?.sinceMs ?? 0);
    if (rowLog.segmentBytes >= ROW_SEGMENT_BYTES || ageMs >= ROW_SEGMENT_AGE_MS) await rowLog.roll();
    if (current?.sequence !== rowLog.sequence) {
      this.segments.push({ sequence: rowLog.sequence, sinceMs: clock.monotonicMs() });
    }
  }

  private sealPinned(): void {
    const { head, clock } = this.parts;
    const beforeMs = clock.monotonicMs() - LONGEST_PINNED_MS;
    const oldSequence = this.segments.findLast(({ sinceMs }) => sinceMs <= beforeMs)?.sequence ?? -1;
    for (const table of head.tables.values()) {
      for (const stream of ["main", "late"] as const) {
        const rows = table.streams[stream];
        if ((rows.oldestJournaled ?? Number.POSITIVE_INFINITY) >= oldSequence) continue;
        head.seal(table, stream);
      }
    }
  }

  private async removeSealedSegments(): Promise<void> {
    const { head, rowLog, chunkLog } = this.parts;
    await chunkLog.commit();
    const needed = head.oldestNeededSegment();
    // The newest segment on disk stays, so that numbers never begin again.
    const removable = this.segments.filter(({ sequence }) => sequence < needed && sequence < rowLog.sequence - 1);
    await rowLog.removeBefore(needed, removable.map(({ sequence }) => sequence));
    const gone = new Set(removable);
    this.segments = this.segments.filter((segment) => !gone.has(segment));
  }

  /**
   * Forgets layouts that nothing in memory has, now and at the sweep before: a caller that has just interned one gets
   * to use it.
   */
  private sweepRegistry(): void {
    const { registry, rowDefinitions, chunkLog, head } = this.parts;
    if (registry.seriesCount < this.seriesAfterSweep + SWEEP_AFTER_SERIES) return;
    const layouts = new Set<Layout>();
    const idLists: Uint32Array[] = [];
    for (const { streams } of head.tables.values()) {
      for (const rows of [streams.main, streams.late]) collect(rows, layouts, idLists);
    }
    registry.keepOnly(new Set([...layouts, ...this.layoutsBefore]), idLists);
    this.layoutsBefore = layouts;
    this.seriesAfterSweep = registry.seriesCount;
    rowDefinitions.forget();
    chunkLog.definitions.forget();
  }
}

function collect(rows: StreamRows, layouts: Set<Layout>, idLists: Uint32Array[]): void {
  for (const { layout } of rows.chunks) layouts.add(layout);
  if (rows.window === undefined) return;
  layouts.add(rows.window.newestLayout);
  idLists.push(rows.window.columns);
}
