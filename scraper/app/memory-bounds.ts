/** Bounds on what grows with queries, as shares of the memory that the process may use. */
export interface MemoryBounds {
  /** All running queries and the answers that are being sent. */
  readonly queryBytes: number;
  /** Decoded columns that are kept for the next query. */
  readonly queryCacheBytes: number;
  /** Directories, lists of series and decoded groups of blocks. */
  readonly blockCacheBytes: number;
}

const MEBIBYTE = 1024 * 1024;
/** The program without samples and queries. */
const PROGRAM_BYTES = 80 * MEBIBYTE;
const QUERY_SHARE = 0.25;
const QUERY_CACHE_SHARE = 0.1;
const BLOCK_CACHE_SHARE = 0.06;
const LEAST_QUERY_BYTES = 24 * MEBIBYTE;
const LEAST_CACHE_BYTES = 4 * MEBIBYTE;
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
    blockCacheBytes: Math.min(MOST_BLOCK_CACHE_BYTES, share(BLOCK_CACHE_SHARE, LEAST_CACHE_BYTES)),
  };
}
