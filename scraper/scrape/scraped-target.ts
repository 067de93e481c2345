import type { Target, TargetHealth } from "../fleet/target.js";
import type { SeriesContext } from "./series-context.js";
import type { TargetRows } from "./target-rows.js";
import type { TickGroup } from "./tick-group.js";

/** What is known about a target while it is watched. Only the rooms' own files write to it. */
export class ScrapedTarget {
  health: Omit<TargetHealth, "pool"> = {
    health: "unknown",
    lastError: "",
    lastScrapeMs: undefined,
    lastScrapeDurationSeconds: 0,
  };
  consecutiveFailures = 0;
  /** True from the moment a scrape is wanted until it has ended. */
  isBusy = false;
  pool: number | "slow" = "slow";
  /** Time between probes in the slow lane, and the monotonic time of the next one. */
  probeIntervalMs = 0;
  nextProbeMs = 0;
  /** When the timer calls next; undefined while it does not. */
  nextTick: TickGroup<ScrapedTarget> | undefined;
  private abortion = new AbortController();

  constructor(
    public target: Target,
    public context: SeriesContext,
    readonly rows: TargetRows,
  ) {}

  /** Aborted when the target leaves. */
  get signal(): AbortSignal {
    return this.abortion.signal;
  }

  leave(): void {
    this.abortion.abort();
  }
}
