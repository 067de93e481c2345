import assert from "node:assert/strict";
import { test } from "node:test";
import { prefersGzip } from "../../../../../exporter/shared/platform/http/accept-encoding.js";

for (const [header, isGzip] of [
  [undefined, false],
  ["", false],
  ["gzip", true],
  ["x-gzip", true],
  ["GZIP", true],
  ["gzip, deflate, br", true],
  ["deflate, gzip;q=0.5", true],
  ["deflate, br, zstd", false],
  ["gzip;q=0", false],
  ["gzip;q=0, *", false],
  ["*", true],
  ["*;q=0", false],
  ["identity", false],
  ["identity;q=1, gzip;q=0.2", false],
  ["gzip;q=0.5, identity;q=0.8", false],
  ["gzip;q=0.8, identity;q=0.5", true],
  ["identity;q=0, gzip;q=0", false],
  ["gzip;q=nonsense", false],
  ["gzip;q=2, identity", false],
  ["br", false],
] as const) {
  test(`Accept-Encoding ${JSON.stringify(header)} ${isGzip ? "prefers" : "does not prefer"} gzip`, () => {
    assert.equal(prefersGzip(header), isGzip);
  });
}
