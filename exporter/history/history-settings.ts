import type { ConfigSection } from "../shared/config/config-section.js";

export interface HistorySettings {
  readonly enabled: boolean;
  /** A flush happens when a collector has this many samplings waiting, or after `flushIntervalMs`. */
  readonly samplingsPerFlush: number;
  readonly flushIntervalMs: number;
  /** A segment is closed at this size or age, whichever first. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** All segments together, those in the backup folder included; the oldest goes first. */
  readonly totalBytes: number;
  readonly maxAgeMs: number;
  /** Closed segments are moved here; undefined keeps them where they were written. */
  readonly backupFolder: string | undefined;
}

/** Section `history` of the exporter's configuration. */
export function parseHistorySettings(section: ConfigSection): HistorySettings {
  const settings: HistorySettings = {
    enabled: section.boolean("enabled", { default: true }),
    samplingsPerFlush: section.integer("samplings_per_flush", { default: 10, min: 1, max: 1000 }),
    flushIntervalMs: section.durationMs("flush_interval", { default: "1m", min: "1s", max: "1h" }),
    segmentBytes: section.byteSize("segment_size", { default: "30MB" }),
    segmentMs: section.durationMs("segment_duration", { default: "1h", min: "1m", max: "1d" }),
    totalBytes: section.byteSize("size", { default: "64MiB" }),
    maxAgeMs: section.durationMs("time", { default: "7d", min: "1h", max: "1y" }),
    backupFolder: section.has("backup_folder") ? section.string("backup_folder") : undefined,
  };
  if (settings.totalBytes < settings.segmentBytes) {
    section.fail("size", `is smaller than segment_size, it must be at least ${settings.segmentBytes} bytes`);
  }
  section.rejectUnknownKeys();
  return Object.freeze(settings);
}
