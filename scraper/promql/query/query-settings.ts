import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { QUERY_FEATURES, SETTLED_FEATURES, type QueryFeature } from "../language/features.js";

export interface QuerySettings {
  /** How old the newest sample of a series may be. */
  readonly lookbackMs: number;
  readonly timeoutMs: number;
  /** Values that one query may hold in memory at once. */
  readonly maxSamples: number;
  /** Series that one selector may find. */
  readonly maxSeries: number;
  readonly maxPointsPerSeries: number;
  /** Resolution of subqueries that name none. */
  readonly subqueryStepMs: number;
  readonly enabledFeatures: readonly QueryFeature[];
}

/** Prometheus' defaults, and a bound on series, which it has not. */
export const DEFAULT_QUERY_SETTINGS: QuerySettings = {
  lookbackMs: 5 * 60_000,
  timeoutMs: 2 * 60_000,
  maxSamples: 50_000_000,
  maxSeries: 5_000_000,
  maxPointsPerSeries: 11_000,
  subqueryStepMs: 60_000,
  enabledFeatures: [],
};

/** Section `query` of the configuration. */
export function parseQuerySettings(section: ConfigSection): QuerySettings {
  const { maxSamples, maxSeries, maxPointsPerSeries, subqueryStepMs } = DEFAULT_QUERY_SETTINGS;
  const settings: QuerySettings = {
    lookbackMs: section.durationMs("lookback_delta", { default: "5m", min: "1s", max: "1d" }),
    timeoutMs: section.durationMs("timeout", { default: "2m", min: "100ms", max: "1d" }),
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

/** @param refuse is told the first name that is no feature of the query language */
export function parseQueryFeatures(
  names: readonly string[],
  refuse: (name: string) => never,
): QueryFeature[] {
  const isFeature = (name: string): name is QueryFeature =>
    (QUERY_FEATURES as readonly string[]).includes(name);
  const bad = names.find((name) => !isFeature(name) && !SETTLED_FEATURES.includes(name));
  return bad === undefined ? names.filter(isFeature) : refuse(bad);
}

export const unknownFeature = (name: string): string =>
  `holds ${JSON.stringify(name)}, it must be of ${QUERY_FEATURES.join(", ")}`;
