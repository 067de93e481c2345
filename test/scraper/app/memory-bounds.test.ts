import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemoryBounds, memoryBounds } from "../../../scraper/app/memory-bounds.js";

const MEBIBYTE = 1024 * 1024;
const CONFIGURED = { queryBytes: 0, queryCacheBytes: 96 * MEBIBYTE };

const inMebibytes = (bounds: MemoryBounds): Record<string, number> =>
  Object.fromEntries(
    Object.entries(bounds).map(([name, bytes]) => [name, Math.round(Number(bytes) / MEBIBYTE)]),
  );

test("every bound on memory shrinks with the memory that the process may use, and is capped", () => {
  assert.deepEqual(inMebibytes(memoryBounds(256 * MEBIBYTE, CONFIGURED)), {
    queryBytes: 44,
    queryCacheBytes: 18,
    waitingBytes: 18,
    alertsBytes: 14,
    segmentBytes: 32,
    blockCacheBytes: 11,
  });
  assert.deepEqual(inMebibytes(memoryBounds(64 * MEBIBYTE, CONFIGURED)), {
    queryBytes: 24,
    queryCacheBytes: 4,
    waitingBytes: 8,
    alertsBytes: 8,
    segmentBytes: 32,
    blockCacheBytes: 4,
  });
  const large = inMebibytes(memoryBounds(64 * 1024 * MEBIBYTE, CONFIGURED));
  assert.deepEqual(large, {
    queryBytes: 16_364,
    queryCacheBytes: 96,
    waitingBytes: 256,
    alertsBytes: 64,
    segmentBytes: 128,
    blockCacheBytes: 48,
  });
});
