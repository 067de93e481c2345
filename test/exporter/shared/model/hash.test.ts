import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EMPTY_HASH,
  extendHash,
  hashBytes,
  hashText,
  sha256Hex,
} from "../../../../exporter/shared/model/hash.js";

// Test vectors of the FNV authors (draft-eastlake-fnv, appendix C).
for (const { text, hash } of [
  { text: "", hash: 0x811c9dc5 },
  { text: "a", hash: 0xe40c292c },
  { text: "foobar", hash: 0xbf9cf968 },
]) {
  test(`the hash of the bytes "${text}" is FNV-1a`, () => {
    assert.equal(hashBytes(Buffer.from(text)), hash | 0);
  });
}

test("extending the empty hash by every byte gives the hash of the bytes", () => {
  const bytes = Buffer.from("pihealth");
  assert.equal(bytes.reduce(extendHash, EMPTY_HASH), hashBytes(bytes));
});

test("hashes of similar texts are spread evenly over a small modulus", () => {
  const counts = new Uint32Array(16);
  for (let host = 0; host < 16_000; host++) {
    const slot = hashText(`http://10.0.0.${host}:9100/metrics`) % counts.length;
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${count} of 1000`);
});

test("a text and its UTF-8 bytes have one SHA-256", () => {
  const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, "abc".
  assert.equal(sha256Hex("abc"), expected);
  assert.equal(sha256Hex(Buffer.from("abc")), expected);
});
