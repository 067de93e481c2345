import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createGunzip, createGzip, gunzipSync, gzipSync } from "node:zlib";
import {
  checkFastZlib,
  FastZlib,
  Gzipper,
  type ZlibStream,
} from "../../../../exporter/shared/platform/fast-zlib.js";
import { createLogger } from "../../../../exporter/shared/platform/logger.js";

const TEXT = Buffer.from("pihealth_load1 0.25\n".repeat(100));

function checkAndLog(open?: () => ZlibStream): { isAvailable: boolean; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const log = createLogger({ level: "info", wallMs: () => 0, write, journald: false });
  return { isAvailable: checkFastZlib(log, open), lines };
}

test("one stream compresses many inputs and another decompresses them", () => {
  const gzip = new FastZlib(createGzip);
  const gunzip = new FastZlib(createGunzip);
  for (const length of [TEXT.length, 1, 0, 777]) {
    const text = TEXT.subarray(0, length);
    const packed = Buffer.alloc(4096);
    const packedBytes = gzip.run(text, packed);
    assert.deepEqual(gunzipSync(packed.subarray(0, packedBytes)), text);
    const unpacked = Buffer.alloc(length + 1);
    assert.equal(gunzip.run(packed.subarray(0, packedBytes), unpacked), length);
    assert.deepEqual(unpacked.subarray(0, length), text);
  }
});

test("damaged input or a too small output fails, and the next input is decompressed again", () => {
  const gunzip = new FastZlib(createGunzip);
  const sent = gzipSync(TEXT);
  const output = Buffer.alloc(TEXT.length + 1);
  assert.equal(gunzip.run(sent.subarray(0, -9), output), undefined);
  assert.equal(gunzip.run(Buffer.from("no gzip"), output), undefined);
  assert.equal(gunzip.run(sent, output.subarray(1)), undefined);
  assert.equal(gunzip.run(sent, output), TEXT.length);
});

test("this Node.js has the private fields of zlib, and nothing is logged", () => {
  assert.deepEqual(checkAndLog(), { isAvailable: true, lines: [] });
});

for (const { name, open } of [
  { name: "no handle", open: () => Object.assign(createGzip(), { _handle: null }) },
  { name: "a handle without functions", open: () => Object.assign(createGzip(), { _handle: {} }) },
  {
    name: "no state",
    open: () => Object.assign(createGzip(), { _writeState: new Uint32Array(0) }),
  },
  {
    name: "a write that does nothing",
    open: () =>
      Object.assign(createGzip(), {
        _handle: { reset: () => undefined, writeSync: () => undefined },
      }),
  },
]) {
  test(`a Node.js without the private fields is reported with one warning: ${name}`, () => {
    const { isAvailable, lines } = checkAndLog(open);
    assert.equal(isAvailable, false);
    assert.equal(lines.length, 1);
    assert.match(lines.join(), /level=warn msg="Fast compression is not available/);
    assert.equal(new FastZlib(open).run(TEXT, Buffer.alloc(4096)), undefined);
  });
}

const GZIP_OPTIONS = { level: 4, windowBits: 13, memLevel: 6 };

for (const { name, open } of [
  { name: "with reused zlib state", open: () => createGzip(GZIP_OPTIONS) },
  {
    name: "without private fields",
    open: () => Object.assign(createGzip(GZIP_OPTIONS), { _handle: null }),
  },
]) {
  test(`Gzipper compresses texts of all sizes into separate buffers: ${name}`, () => {
    const gzipper = new Gzipper(GZIP_OPTIONS, open);
    const texts = [0, 1, 18_000, 131_072, 17, 40_000].flatMap((bytes) => [
      Buffer.alloc(bytes, "pihealth_load1 0.25\n"),
      randomBytes(bytes),
    ]);
    const compressed = texts.map((text) => ({ text, gzip: gzipper.gzip(text) }));
    for (const { text, gzip } of compressed) assert.deepEqual(gunzipSync(gzip), text);
  });
}
