import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";

/** Section `storage` of the configuration, in internal units. */
export interface StorageSettings {
  /** The data folder. */
  readonly path: string;
  /** Older samples are deleted and refused. */
  readonly retentionMs: number;
  /** Size of all blocks; above it the oldest are deleted. 0 means no limit. */
  readonly retentionBytes: number;
  /** Time between two group writes: a crash of the program may lose the samples of this time. */
  readonly commitIntervalMs: number;
  /** Time between two syncs where few bytes wait: a power cut may lose the samples of this time. */
  readonly syncIntervalMs: number;
  /** Time range of a block written from the head. */
  readonly blockDurationMs: number;
  /** Longest time range of a merged block. */
  readonly maxBlockDurationMs: number;
  /** Memory for decoded columns, so that a repeated query need not decode them again. */
  readonly queryCacheBytes: number;
  /** Memory for directories, lists of series and decoded groups of blocks. */
  readonly blockCacheBytes?: number;
  /** Samples that may wait in memory while the disk refuses writes, in compressed chunks. */
  readonly waitingBytes?: number;
}

/** For a machine with much memory. */
export const DEFAULT_WAITING_BYTES = 256 * 1024 * 1024;

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
  const syncIntervalMs = section.durationMs("sync_interval", {
    default: "30s",
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
    syncIntervalMs: Math.max(syncIntervalMs, commitIntervalMs),
    blockDurationMs,
    maxBlockDurationMs,
    queryCacheBytes,
  });
}
