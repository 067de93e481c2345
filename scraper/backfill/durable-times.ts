import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { CLOCK_TOLERANCE_MS } from "./boot-clocks.js";
import type { WatchedTarget } from "./watched-target.js";

/** Between two commits made to confirm. Heartbeats come every 30 s. */
const ADVANCE_EVERY_MS = 10_000;
/** A sample may reach the history a little before the scrape that carries it. */
const MARGIN_MS = 1000;

/** Until when the samples of each target are on our disk, so that its Pi may delete them. Never says too much. */
export class DurableTimes {
  private untilMs = new WeakMap<WatchedTarget, number>();
  private nextMs = 0;

  constructor(private readonly parts: { readonly clock: Clock; readonly writer: SampleWriter }) {}

  /** Takes over what was scraped before a commit that succeeds; where it fails, nothing moves. */
  async advance(targets: readonly WatchedTarget[]): Promise<void> {
    const { clock, writer } = this.parts;
    if (clock.monotonicMs() < this.nextMs) return;
    this.nextMs = clock.monotonicMs() + ADVANCE_EVERY_MS;
    const scraped = targets.flatMap((watched) => {
      const { lastGoodMs, isComplete } = watched.gaps;
      return isComplete && !watched.isNew && lastGoodMs !== undefined
        ? [[watched, lastGoodMs] as const]
        : [];
    });
    if (scraped.length === 0) return;
    try {
      await writer.commit();
    } catch {
      return; // The storage has reported it; the next round tries again.
    }
    for (const [watched, lastGoodMs] of scraped) this.untilMs.set(watched, lastGoodMs);
  }

  /**
   * While anything is missing nothing is confirmed at all: the history that could fill it may carry any time.
   *
   * @param targets all of one exporter
   * @param clockOffsetMs how far its clock is ahead of ours
   */
  of(targets: readonly WatchedTarget[], clockOffsetMs: number): number {
    let untilMs = Number.POSITIVE_INFINITY;
    for (const watched of targets) {
      if (!watched.gaps.isComplete || watched.isNew) return 0;
      untilMs = Math.min(untilMs, this.untilMs.get(watched) ?? 0);
    }
    if (!Number.isFinite(untilMs) || untilMs === 0) return 0;
    const offsetMs = Math.abs(clockOffsetMs) > CLOCK_TOLERANCE_MS ? clockOffsetMs : 0;
    return Math.max(0, Math.floor(untilMs - MARGIN_MS + offsetMs));
  }
}
