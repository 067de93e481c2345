import path from "node:path";
import type { ConfigSection } from "../shared/config/config-section.js";

export interface HistorySettings {
  readonly enabled: boolean;
  /**
   * A flush takes place when a collector has this many buffered samplings, or after
   * `flushIntervalMs`.
   */
  readonly samplingsPerFlush: number;
  readonly flushIntervalMs: number;
  /** A segment is closed at this size or age, whichever comes first. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** Size of all segments, including the backup folder; the oldest is deleted first. */
  readonly totalBytes: number;
  readonly maxAgeMs: number;
  /** Closed segments are moved here; undefined keeps them in the state folder. */
  readonly backupFolder: string | undefined;
  /** Bytes per second for all masters together. */
  readonly maxRateBytes: number;
}

const MIN_SEGMENT_BYTES = 65_536;
const MIN_RATE_BYTES = 65_536;

/** Parses the section `history` of the exporter's configuration. */
export function parseHistorySettings(section: ConfigSection): HistorySettings {
  const settings: HistorySettings = {
    enabled: section.boolean("enabled", { default: true }),
    samplingsPerFlush: section.integer("samplings_per_flush", { default: 10, min: 1, max: 1000 }),
    flushIntervalMs: section.durationMs("flush_interval", { default: "1m", min: "1s", max: "1h" }),
    segmentBytes: section.byteSize("segment_size", { default: "30MB" }),
    segmentMs: section.durationMs("segment_duration", { default: "1h", min: "1m", max: "1d" }),
    totalBytes: section.byteSize("size", { default: "64MiB" }),
    maxAgeMs: section.durationMs("time", { default: "7d", min: "1h", max: "1y" }),
    backupFolder: section.has("backup_folder")
      ? path.resolve(path.dirname(section.file), section.string("backup_folder"))
      : undefined,
    maxRateBytes: section.byteSize("max_rate", { default: "8MiB" }),
  };
  requireAtLeast(section, "segment_size", settings.segmentBytes, MIN_SEGMENT_BYTES);
  requireAtLeast(section, "max_rate", settings.maxRateBytes, MIN_RATE_BYTES);
  if (settings.totalBytes < settings.segmentBytes) {
    const least = `${settings.segmentBytes} bytes`;
    section.fail("size", `is smaller than segment_size, it must be at least ${least}`);
  }
  section.rejectUnknownKeys();
  return Object.freeze(settings);
}

function requireAtLeast(section: ConfigSection, key: string, bytes: number, min: number): void {
  if (bytes < min) section.fail(key, `is ${bytes} bytes, it must be at least ${min} bytes`);
}
