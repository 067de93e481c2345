import { DEFAULT_ALERTS_BYTES } from "../alerting/alerts/alert-store.js";
import { DEFAULT_SEGMENT_BYTES } from "../backfill/history-client.js";
import { DEFAULT_WAITING_BYTES } from "../storage/model/storage-settings.js";

/** Bounds on what grows with queries and faults, as shares of the memory that the process may use. */
export interface MemoryBounds {
  /** All running queries and the answers that are being sent. */
  readonly queryBytes: number;
  /** Decoded columns that are kept for the next query. */
  readonly queryCacheBytes: number;
  /** Directories, lists of series and decoded groups of blocks. */
  readonly blockCacheBytes: number;
  /** Samples that wait while the disk refuses writes. */
  readonly waitingBytes: number;
  /** Labels and annotations of all alerts. */
  readonly alertsBytes: number;
  /** Largest segment of a history that is fetched from a Pi. */
  readonly segmentBytes: number;
}

const MEBIBYTE = 1024 * 1024;
/** The program without samples and queries. */
const PROGRAM_BYTES = 80 * MEBIBYTE;
const QUERY_SHARE = 0.25;
const QUERY_CACHE_SHARE = 0.1;
const BLOCK_CACHE_SHARE = 0.06;
const WAITING_SHARE = 0.1;
const ALERTS_SHARE = 0.08;
const SEGMENT_SHARE = 0.1;
const LEAST_QUERY_BYTES = 24 * MEBIBYTE;
const LEAST_CACHE_BYTES = 4 * MEBIBYTE;
const LEAST_WAITING_BYTES = 8 * MEBIBYTE;
const LEAST_ALERTS_BYTES = 8 * MEBIBYTE;
/** An exporter closes its segments at 30 MB. */
const LEAST_SEGMENT_BYTES = 32 * MEBIBYTE;
const MOST_BLOCK_CACHE_BYTES = 48 * MEBIBYTE;

/**
 * @param limitBytes memory that the process may use
 * @param configured what the configuration says; `queryBytes` is 0 when it says nothing
 */
export function memoryBounds(
  limitBytes: number,
  configured: Pick<MemoryBounds, "queryBytes" | "queryCacheBytes">,
): MemoryBounds {
  const spareBytes = Math.max(0, limitBytes - PROGRAM_BYTES);
  const share = (part: number, leastBytes: number): number =>
    Math.max(leastBytes, Math.floor(spareBytes * part));
  return {
    queryBytes: configured.queryBytes || share(QUERY_SHARE, LEAST_QUERY_BYTES),
    queryCacheBytes: Math.min(
      configured.queryCacheBytes,
      share(QUERY_CACHE_SHARE, LEAST_CACHE_BYTES),
    ),
    waitingBytes: Math.min(DEFAULT_WAITING_BYTES, share(WAITING_SHARE, LEAST_WAITING_BYTES)),
    alertsBytes: Math.min(DEFAULT_ALERTS_BYTES, share(ALERTS_SHARE, LEAST_ALERTS_BYTES)),
    segmentBytes: Math.min(DEFAULT_SEGMENT_BYTES, share(SEGMENT_SHARE, LEAST_SEGMENT_BYTES)),
    blockCacheBytes: Math.min(MOST_BLOCK_CACHE_BYTES, share(BLOCK_CACHE_SHARE, LEAST_CACHE_BYTES)),
  };
}
