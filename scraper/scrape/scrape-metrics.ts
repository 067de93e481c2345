import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import type { MetricType } from "../../exporter/shared/model/metric.js";
import type { ScrapeCounters } from "./scrape-counters.js";
import type { ScrapeLane } from "./scrape-lane.js";
import { ScrapePool } from "./scrape-pool.js";

interface LaneMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly valueOf: (lane: ScrapeLane) => number;
}

const LANE_METRICS: readonly LaneMetric[] = [
  {
    name: "pihealth_scrape_pool_targets",
    help: "Targets in a scrape pool; pool slow is the slow lane.",
    type: "gauge",
    valueOf: (lane) => lane.targets.size,
  },
  {
    name: "pihealth_scrape_pool_in_flight",
    help: "Requests under way in a scrape pool.",
    type: "gauge",
    valueOf: (lane) => lane.inFlight,
  },
  {
    name: "pihealth_scrape_pool_waiting",
    help: "Scrapes that are due and wait for a free place in their pool.",
    type: "gauge",
    valueOf: (lane) => (lane instanceof ScrapePool ? lane.waitingCount : 0),
  },
  {
    name: "pihealth_scrape_pool_scrapes_total",
    help: "Scrapes made.",
    type: "counter",
    valueOf: (lane) => lane.scrapes,
  },
  {
    name: "pihealth_scrape_pool_failures_total",
    help: "Scrapes that failed.",
    type: "counter",
    valueOf: (lane) => lane.failures,
  },
  {
    name: "pihealth_scrape_pool_missed_total",
    help: "Scrapes left out because the one before was still running or the program stood still.",
    type: "counter",
    valueOf: (lane) => lane.missed,
  },
  {
    name: "pihealth_scrape_pool_late_seconds_total",
    help: "Time between the moment scrapes were due and their start, in seconds.",
    type: "counter",
    valueOf: (lane) => lane.lateSeconds,
  },
];

interface CountMetric {
  readonly name: string;
  readonly help: string;
  readonly valueOf: (counters: ScrapeCounters) => number;
}

const COUNT_METRICS: readonly CountMetric[] = [
  {
    name: "pihealth_scrape_samples_total",
    help: "Samples read from targets.",
    valueOf: ({ samples }) => samples,
  },
  {
    name: "pihealth_scrape_layout_changes_total",
    help: "Scrapes whose body had other series than the one before.",
    valueOf: ({ layoutChanges }) => layoutChanges,
  },
  {
    name: "pihealth_scrape_duplicate_samples_total",
    help: "Samples left out because their series occurred twice in a body.",
    valueOf: ({ duplicateSamples }) => duplicateSamples,
  },
  {
    name: "pihealth_scrape_out_of_order_samples_total",
    help: "Samples scraped at a time at or before that of the target's newest row: stored where none was yet.",
    valueOf: ({ outOfOrderSamples }) => outOfOrderSamples,
  },
  {
    name: "pihealth_scrape_out_of_bounds_samples_total",
    help: "Samples scraped at a time beyond the retention, and so refused.",
    valueOf: ({ outOfBoundsSamples }) => outOfBoundsSamples,
  },
  {
    name: "pihealth_scrape_timestamped_samples_left_out_total",
    help: "Samples with a timestamp of their own left out because it was old or too far in the future.",
    valueOf: ({ timestampedLeftOut }) => timestampedLeftOut,
  },
  {
    name: "pihealth_scrape_duplicate_targets_total",
    help: "Targets refused because the same target is watched already.",
    valueOf: ({ duplicateTargets }) => duplicateTargets,
  },
  {
    name: "pihealth_scrape_internal_errors_total",
    help: "Scrapes that ended with an error nobody expected; the log has it.",
    valueOf: ({ internalErrors }) => internalErrors,
  },
];

export function scrapeMetrics(lanes: readonly ScrapeLane[], counters: ScrapeCounters): OwnMetric[] {
  const ofLanes = LANE_METRICS.flatMap(({ valueOf, ...metric }) =>
    lanes.map((lane) => ({ ...metric, labels: { pool: String(lane.id) }, value: valueOf(lane) })),
  );
  const counts = COUNT_METRICS.map(({ valueOf, ...metric }) => {
    return { ...metric, type: "counter" as const, labels: {}, value: valueOf(counters) };
  });
  const limits = [...counters.limitsExceeded].map(([limit, value]) => ({
    name: "pihealth_scrape_limit_exceeded_total",
    help: "Scrapes refused because a limit was exceeded.",
    type: "counter" as const,
    labels: { limit },
    value,
  }));
  return [...ofLanes, ...counts, ...limits];
}
