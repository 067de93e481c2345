import { counter, gauge, type Sample } from "../../exporter/shared/model/metric.js";
import type { ScrapeCounters } from "./scrape-counters.js";
import type { ScrapeLane } from "./scrape-lane.js";
import { ScrapePool } from "./scrape-pool.js";

/** The label `pool` is the number of a scrape pool, or `slow` for the slow lane. */
export const SCRAPE_METRICS = {
  poolTargets: gauge({
    name: "pihealth_scrape_pool_targets",
    help: "Targets of a scrape pool; pool slow is the slow lane.",
    labels: ["pool"],
  }),
  poolInFlight: gauge({
    name: "pihealth_scrape_pool_in_flight",
    help: "Scrapes of a pool that are running.",
    labels: ["pool"],
  }),
  poolWaiting: gauge({
    name: "pihealth_scrape_pool_waiting",
    help: "Due scrapes that wait for a free slot in their pool.",
    labels: ["pool"],
  }),
  poolScrapes: counter({
    name: "pihealth_scrape_pool_scrapes_total",
    help: "Scrapes of a pool, failed ones included.",
    labels: ["pool"],
  }),
  poolFailures: counter({
    name: "pihealth_scrape_pool_failures_total",
    help: "Failed scrapes of a pool.",
    labels: ["pool"],
  }),
  poolMissed: counter({
    name: "pihealth_scrape_pool_missed_total",
    help: "Scrapes skipped because the previous one was still running or the scraper was suspended.",
    labels: ["pool"],
  }),
  poolLateSeconds: counter({
    name: "pihealth_scrape_pool_late_seconds_total",
    help: "Total delay between the due time and the start of scrapes in seconds.",
    labels: ["pool"],
  }),
  samples: counter({ name: "pihealth_scrape_samples_total", help: "Samples scraped." }),
  layoutChanges: counter({
    name: "pihealth_scrape_layout_changes_total",
    help: "Scrapes whose set of series differed from the previous scrape of the target.",
  }),
  duplicateSamples: counter({
    name: "pihealth_scrape_duplicate_samples_total",
    help: "Samples dropped because their series occurred more than once in a scrape.",
  }),
  outOfOrderSamples: counter({
    name: "pihealth_scrape_out_of_order_samples_total",
    help: "Samples scraped at or before the time of the newest row of their target, stored where no sample existed.",
  }),
  outOfBoundsSamples: counter({
    name: "pihealth_scrape_out_of_bounds_samples_total",
    help: "Samples rejected because their scrape time was older than the retention.",
  }),
  timestampedSamplesLeftOut: counter({
    name: "pihealth_scrape_timestamped_samples_left_out_total",
    help: "Samples dropped because the timestamp in the scraped text was too old or too far in the future.",
  }),
  duplicateTargets: counter({
    name: "pihealth_scrape_duplicate_targets_total",
    help: "Targets rejected because an identical target is already scraped.",
  }),
  internalErrors: counter({
    name: "pihealth_scrape_internal_errors_total",
    help: "Scrapes that ended with an unexpected error; the log has the details.",
  }),
  limitExceeded: counter({
    name: "pihealth_scrape_limit_exceeded_total",
    help: "Scrapes rejected because they exceeded a limit, by limit.",
    labels: ["limit"],
  }),
};

export function scrapeSamples(lanes: readonly ScrapeLane[], counted: ScrapeCounters): Sample[] {
  const metrics = SCRAPE_METRICS;
  return [
    ...lanes.flatMap(laneSamples),
    metrics.samples.sample(counted.samples),
    metrics.layoutChanges.sample(counted.layoutChanges),
    metrics.duplicateSamples.sample(counted.duplicateSamples),
    metrics.outOfOrderSamples.sample(counted.outOfOrderSamples),
    metrics.outOfBoundsSamples.sample(counted.outOfBoundsSamples),
    metrics.timestampedSamplesLeftOut.sample(counted.timestampedLeftOut),
    metrics.duplicateTargets.sample(counted.duplicateTargets),
    metrics.internalErrors.sample(counted.internalErrors),
    ...Array.from(counted.limitsExceeded, ([limit, count]) =>
      metrics.limitExceeded.sample(count, { limit }),
    ),
  ];
}

function laneSamples(lane: ScrapeLane): Sample[] {
  const labels = { pool: String(lane.id) };
  return [
    SCRAPE_METRICS.poolTargets.sample(lane.targets.size, labels),
    SCRAPE_METRICS.poolInFlight.sample(lane.inFlight, labels),
    SCRAPE_METRICS.poolWaiting.sample(lane instanceof ScrapePool ? lane.waitingCount : 0, labels),
    SCRAPE_METRICS.poolScrapes.sample(lane.scrapes, labels),
    SCRAPE_METRICS.poolFailures.sample(lane.failures, labels),
    SCRAPE_METRICS.poolMissed.sample(lane.missed, labels),
    SCRAPE_METRICS.poolLateSeconds.sample(lane.lateSeconds, labels),
  ];
}
