import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Gzipper } from "../../../../exporter/shared/platform/gzipper.js";

test("one gzipper compresses texts of all sizes one after the other, each into a buffer of its own", () => {
  const gzipper = new Gzipper({ level: 4, windowBits: 13, memLevel: 6 });
  const texts = [0, 1, 18_000, 131_072, 17, 40_000].flatMap((bytes) => [
    Buffer.alloc(bytes, "pihealth_load1 0.25\n"),
    randomBytes(bytes),
  ]);
  const compressed = texts.map((text) => gzipper.gzip(text));
  for (const [index, text] of texts.entries())
    assert.deepEqual(gunzipSync(compressed[index] as Buffer), text);
});
