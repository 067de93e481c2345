import type { ConfigSection } from "../../exporter/shared/config/config-section.js";

export interface BackfillSettings {
  readonly enabled: boolean;
  /** Limit for all hosts together. */
  readonly bytesPerSecond: number;
  /** Hosts whose history is fetched at the same time. */
  readonly concurrency: number;
  /** Gaps older than this are lost. */
  readonly maxAgeMs: number;
}

/** Section `backfill` of the configuration. */
export function parseBackfillSettings(section: ConfigSection): BackfillSettings {
  const settings: BackfillSettings = {
    enabled: section.boolean("enabled", { default: true }),
    bytesPerSecond: section.byteSize("bandwidth", { default: "4MiB" }),
    concurrency: section.integer("concurrency", { default: 2, min: 1, max: 64 }),
    maxAgeMs: section.durationMs("max_age", { default: "8d", min: "1m", max: "1y" }),
  };
  if (settings.bytesPerSecond < 1024)
    section.fail("bandwidth", "is too small, it must be at least 1KiB a second");
  section.rejectUnknownKeys();
  return Object.freeze(settings);
}
