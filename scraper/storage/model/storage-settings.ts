import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";

/** Section `storage` of the configuration, in internal units. */
export interface StorageSettings {
  /** The data folder. */
  readonly path: string;
  /** Samples older than this are deleted and refused. */
  readonly retentionMs: number;
  /** Blocks together; the oldest go first. 0 means no limit. */
  readonly retentionBytes: number;
  /** Longest time between two group commits: what a crash may cost. */
  readonly commitIntervalMs: number;
  /** Time range of a block that comes from the head. */
  readonly blockDurationMs: number;
  /** Time range up to which blocks are merged. */
  readonly maxBlockDurationMs: number;
  /** Memory for what queries read, so that the next one need not read it again. */
  readonly queryCacheBytes: number;
}

/** Reads the section `storage`: every key has a default. */
export function parseStorageSettings(section: ConfigSection): StorageSettings {
  const path = section.string("path", {
    default: "data",
    pattern: /\S/,
    expected: "the path of a folder",
  });
  const commitIntervalMs = section.durationMs("commit_interval", {
    default: "5s",
    min: "100ms",
    max: "10m",
  });
  const blockDurationMs = section.durationMs("block_duration", {
    default: "2h",
    min: "10m",
    max: "1d",
  });
  const maxBlockDurationMs = section.durationMs("max_block_duration", {
    default: "8d",
    min: "2h",
    max: "32d",
  });
  if (maxBlockDurationMs < blockDurationMs)
    section.fail("max_block_duration", "must be at least block_duration");
  const queryCacheBytes = section.byteSize("query_cache", { default: "96MiB" });
  const retention = section.section("retention");
  const retentionMs = retention.durationMs("time", { default: "90d", min: "1h", max: "100y" });
  const retentionBytes = retention.byteSize("size", { default: "8GiB" });
  retention.rejectUnknownKeys();
  section.rejectUnknownKeys();
  return Object.freeze({
    path,
    retentionMs,
    retentionBytes,
    commitIntervalMs,
    blockDurationMs,
    maxBlockDurationMs,
    queryCacheBytes,
  });
}
