import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { parseQueryFeatures, unknownFeature, type QueryFeature } from "../language/features.js";

export interface QuerySettings {
  /** The greatest age of a sample that an instant selector returns. */
  readonly lookbackMs: number;
  readonly timeoutMs: number;
  /** Queries that run at once; others wait. Rules have as many places of their own. */
  readonly maxConcurrency: number;
  /** The memory of all queries together; 0 for a share of the memory of the machine or its cgroup. */
  readonly memoryBytes: number;
  /** The most values that one query may hold in memory at once. */
  readonly maxSamples: number;
  /** The most series that one selector may select. */
  readonly maxSeries: number;
  readonly maxPointsPerSeries: number;
  /** The resolution of subqueries without a step. */
  readonly subqueryStepMs: number;
  readonly enabledFeatures: readonly QueryFeature[];
}

/** The defaults of Prometheus, plus a limit on series that Prometheus does not have. */
export const DEFAULT_QUERY_SETTINGS: QuerySettings = {
  lookbackMs: 5 * 60_000,
  timeoutMs: 2 * 60_000,
  maxConcurrency: 20,
  memoryBytes: 0,
  maxSamples: 50_000_000,
  maxSeries: 5_000_000,
  maxPointsPerSeries: 11_000,
  subqueryStepMs: 60_000,
  enabledFeatures: [],
};

/** Section `query` of the configuration. */
export function parseQuerySettings(section: ConfigSection): QuerySettings {
  const { maxConcurrency, maxSamples, maxSeries, maxPointsPerSeries, subqueryStepMs } =
    DEFAULT_QUERY_SETTINGS;
  const settings: QuerySettings = {
    lookbackMs: section.durationMs("lookback_delta", { default: "5m", min: "1s", max: "1d" }),
    timeoutMs: section.durationMs("timeout", { default: "2m", min: "100ms", max: "1d" }),
    maxConcurrency: section.integer("max_concurrency", {
      default: maxConcurrency,
      min: 1,
      max: 1000,
    }),
    memoryBytes: section.byteSize("memory", { default: "0" }),
    maxSamples: section.integer("max_samples", { default: maxSamples, min: 1000, max: 1e9 }),
    maxSeries: section.integer("max_series", { default: maxSeries, min: 1, max: 1e9 }),
    maxPointsPerSeries: section.integer("max_points_per_series", {
      default: maxPointsPerSeries,
      min: 1,
      max: 1e6,
    }),
    subqueryStepMs,
    enabledFeatures: parseQueryFeatures(
      section.strings("enable_features", { default: [] }),
      (name) => section.fail("enable_features", unknownFeature(name)),
    ),
  };
  section.rejectUnknownKeys();
  return Object.freeze(settings);
}
