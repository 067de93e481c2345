import type { MetricMetadata } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type { Target, TargetHealth } from "../fleet/target.js";
import type { SeriesContext } from "./series-context.js";
import type { TargetRows } from "./target-rows.js";

/** State of a target while it is scraped. Only files of this room write to it. */
export class ScrapedTarget {
  health: Omit<TargetHealth, "pool"> = {
    health: "unknown",
    lastError: "",
    lastScrapeMs: undefined,
    lastScrapeDurationSeconds: 0,
  };
  consecutiveFailures = 0;
  /**
   * Metadata of the readable part of the last body, if that was refused and smaller than a large
   * one. It counts with the metadata of the last valid body.
   */
  failedMetadata: readonly MetricMetadata[] = [];
  /** True from the moment a scrape is due until it has ended. */
  isBusy = false;
  pool: number | "slow" = "slow";
  /** The next tick; undefined while the target is not scheduled. */
  nextTick: TickGroup | undefined;
  private abortion = new AbortController();

  constructor(
    public target: Target,
    public context: SeriesContext,
    readonly rows: TargetRows,
  ) {}

  /** Aborted when the target is removed. */
  get signal(): AbortSignal {
    return this.abortion.signal;
  }

  leave(): void {
    this.abortion.abort();
  }
}

/** Targets with the same nominal time, unless a step of the wall clock lies between them. */
export interface TickGroup {
  readonly nominalMs: number;
  /** Monotonic time. */
  readonly dueMs: number;
  /** Includes targets that were removed or added again, until the group is due. */
  readonly targets: ScrapedTarget[];
}
