import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { CLOCK_TOLERANCE_MS } from "./boot-clocks.js";
import type { WatchedTarget } from "./watched-targets.js";

/**
 * Between two commits that confirm samples. Heartbeats come every 30 s, and each commit wears the
 * disk.
 */
const ADVANCE_EVERY_MS = 30_000;
/** The Pi may write a sample to its history a little before the scrape that delivers it. */
const MARGIN_MS = 1000;

/**
 * The time until which all samples of a target are on our disk, so that its Pi may delete them.
 * Never too late.
 */
export class DurableTimes {
  private untilMs = new WeakMap<WatchedTarget, number>();
  private nextMs = 0;

  constructor(private readonly parts: { readonly clock: Clock; readonly writer: SampleWriter }) {}

  /**
   * Commits, and confirms the samples scraped before the commit. A failed commit confirms nothing.
   */
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
      return; // The storage reports the error; the next round tries again.
    }
    for (const [watched, lastGoodMs] of scraped) this.untilMs.set(watched, lastGoodMs);
  }

  /**
   * Nothing is confirmed while a gap is open: the samples that fill it may have any time in the
   * history.
   *
   * @param targets all targets of one exporter
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
