import type { HistoryRuns, RunPlan } from "./history-runs.js";
import type { GroupedSamples, WrittenSeries } from "./sample-groups.js";

/**
 * An exporter drops the samples of a failing collector after this many intervals without a
 * successful run.
 */
const FAILED_INTERVALS = 2;

/** Series that end at one time. */
export interface EndedSeries {
  readonly timeMs: number;
  readonly series: readonly WrittenSeries[];
}

interface LastRun {
  readonly timeMs: number;
  /** Time of the last successful run, whose samples the exporter shows. */
  readonly goodMs: number;
  readonly plan: RunPlan;
}

export interface SeriesEndsParts {
  readonly runs: HistoryRuns;
  /** Scrape interval: a scrape this long after the last sampling would have failed. */
  readonly intervalMs: number;
  /** Whether recording stopped between two samplings. */
  readonly isApart: (fromMs: number, untilMs: number) => boolean;
}

/**
 * Finds the ends of series in a history as scraping would have seen them. A series ends at the
 * first run of its collector without it. All series end one scrape interval after recording
 * stopped.
 */
export class SeriesEnds {
  private readonly last = new Map<string, LastRun>();
  /** Series that belong to no run: they end only when recording stops. */
  private readonly unclaimed = new Set<WrittenSeries>();
  private lastMs = Number.NEGATIVE_INFINITY;
  private bootId = "";

  constructor(private readonly parts: SeriesEndsParts) {}

  /**
   * Takes samples in the order of the history.
   *
   * @param timeMs by our clock
   */
  read(timeMs: number, bootId: string, { group, values }: GroupedSamples): EndedSeries[] {
    const ended = this.endAll(timeMs, bootId);
    for (const plan of this.parts.runs.of(group)) {
      const vanished = this.take(
        timeMs,
        plan,
        plan.collector === undefined || values[plan.endAt] === 1,
      );
      if (vanished.length > 0) ended.push({ timeMs, series: vanished });
    }
    return ended;
  }

  /** The series that the exporter shows after the samples so far. */
  alive(): WrittenSeries[] {
    return [...[...this.last.values()].flatMap(({ plan }) => plan.series), ...this.unclaimed];
  }

  /** Whether all series have ended before `timeMs`, when the next sampling is at `nextMs`. */
  hasStoppedBefore(timeMs: number, nextMs: number, bootId: string): boolean {
    return this.hasStopped(nextMs, bootId) && this.lastMs + this.parts.intervalMs < timeMs;
  }

  private endAll(timeMs: number, bootId: string): EndedSeries[] {
    const endMs = this.lastMs + this.parts.intervalMs;
    const series = this.hasStopped(timeMs, bootId) ? this.alive() : [];
    this.lastMs = Math.max(this.lastMs, timeMs);
    this.bootId = bootId;
    if (series.length === 0) return [];
    this.last.clear();
    this.unclaimed.clear();
    return [{ timeMs: endMs, series }];
  }

  private hasStopped(nextMs: number, bootId: string): boolean {
    const { lastMs, parts } = this;
    if (!Number.isFinite(lastMs) || nextMs <= lastMs + parts.intervalMs) return false;
    return bootId !== this.bootId || parts.isApart(lastMs, nextMs);
  }

  /** @returns the series of the previous run that are not in this one */
  private take(timeMs: number, plan: RunPlan, isGood: boolean): readonly WrittenSeries[] {
    const { collector } = plan;
    if (collector === undefined) {
      for (const one of plan.series) this.unclaimed.add(one);
      return [];
    }
    const before = this.last.get(collector);
    const goodMs = isGood ? timeMs : (before?.goodMs ?? timeMs);
    const isShown =
      isGood ||
      before === undefined ||
      timeMs - goodMs > FAILED_INTERVALS * (timeMs - before.timeMs);
    // The exporter shows the last samples of a failing collector for a while.
    this.last.set(collector, { timeMs, goodMs, plan: isShown ? plan : before.plan });
    if (!isShown || before === undefined || before.plan === plan || timeMs <= before.timeMs)
      return [];
    const now = new Set(plan.series);
    return before.plan.series.filter((one) => !now.has(one));
  }
}
