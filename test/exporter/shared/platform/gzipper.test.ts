import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createGzip, gunzipSync } from "node:zlib";
import { Gzipper } from "../../../../exporter/shared/platform/gzipper.js";

const OPTIONS = { level: 4, windowBits: 13, memLevel: 6 };

for (const { name, open } of [
  { name: "reusing zlib's tables", open: () => createGzip(OPTIONS) },
  {
    name: "where Node.js hides them",
    open: () => Object.assign(createGzip(OPTIONS), { _handle: null }),
  },
]) {
  test(`texts of all sizes are compressed one after the other, each into memory of its own: ${name}`, () => {
    const gzipper = new Gzipper(OPTIONS, open);
    const texts = [0, 1, 18_000, 131_072, 17, 40_000].flatMap((bytes) => [
      Buffer.alloc(bytes, "pihealth_load1 0.25\n"),
      randomBytes(bytes),
    ]);
    const compressed = texts.map((text) => ({ text, gzip: gzipper.gzip(text) }));
    for (const { text, gzip } of compressed) assert.deepEqual(gunzipSync(gzip), text);
  });
}
