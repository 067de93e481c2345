import { isoTime } from "../../exporter/shared/model/time-range.js";
import { formatDurationMs } from "../../exporter/shared/model/duration.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { BackfillCounters } from "./backfill-metrics.js";
import type { Gap } from "./gap.js";
import type { WatchedTarget } from "./watched-targets.js";

/**
 * Counts gaps as they are closed, and logs them when the work on their exporter has ended: one line
 * per target, state and cause, however many ranges there are.
 */
export class ClosedGaps {
  private readonly byTarget = new Map<WatchedTarget, Gap[]>();

  constructor(
    private readonly counters: BackfillCounters,
    private readonly log: Logger,
  ) {}

  add(watched: WatchedTarget, gaps: readonly Gap[]): void {
    const known = this.byTarget.get(watched) ?? [];
    this.byTarget.set(watched, known);
    for (const gap of gaps) {
      this.counters.countClosed(gap);
      known.push(gap);
    }
  }

  /** Logs the gaps added since the last call. */
  report(): void {
    for (const [{ target }, gaps] of this.byTarget) {
      const instance = target.labels.get("instance");
      for (const alike of groupAlike(gaps)) this.logOne(target.host, instance, alike);
    }
    this.byTarget.clear();
  }

  private logOne(host: string, instance: string, gaps: readonly Gap[]): void {
    const [first] = gaps;
    if (first === undefined) return;
    const details = {
      host,
      instance,
      cause: first.cause,
      length: formatDurationMs(sum(gaps.map(({ fromMs, untilMs }) => untilMs - fromMs))),
      from: isoTime(Math.min(...gaps.map(({ fromMs }) => fromMs))),
      until: isoTime(Math.max(...gaps.map(({ untilMs }) => untilMs))),
    };
    if (first.state === "filled") this.log.info("Gap filled", details);
    else this.log.warn("Gap lost", details);
  }
}

/** Gaps of the same state and cause, in the order of their first. */
function groupAlike(gaps: readonly Gap[]): Iterable<readonly Gap[]> {
  const groups = new Map<string, Gap[]>();
  for (const gap of gaps) {
    const key = `${gap.state} ${gap.cause}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [gap]);
    else group.push(gap);
  }
  return groups.values();
}

const sum = (lengths: readonly number[]): number =>
  lengths.reduce((total, length) => total + length, 0);
