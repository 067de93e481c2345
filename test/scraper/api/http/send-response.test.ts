import assert from "node:assert/strict";
import { test } from "node:test";
import { prefersGzip } from "../../../../scraper/api/http/send-response.js";

const HEADERS: readonly (readonly [header: string | undefined, isGzip: boolean])[] = [
  [undefined, false],
  ["", false],
  ["gzip", true],
  ["x-gzip", true],
  ["GZIP", true],
  ["gzip, deflate, br", true],
  ["deflate, gzip;q=0.5", true],
  ["gzip;q=0", false],
  ["identity", false],
  ["identity;q=1, gzip;q=0.2", false],
  ["*", true],
  ["*;q=0", false],
  ["gzip;q=0, *", false],
  ["gzip;q=nonsense", false],
  ["br", false],
];

for (const [header, isGzip] of HEADERS) {
  test(`Accept-Encoding "${header}" is answered ${isGzip ? "with gzip" : "plain"}`, () => {
    assert.equal(prefersGzip(header), isGzip);
  });
}
