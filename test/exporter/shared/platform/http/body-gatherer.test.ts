import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyGatherer } from "../../../../../exporter/shared/platform/http/body-gatherer.js";

for (const sizes of [[], [0], [1], [5000], [1, 1, 1], [5000, 1, 5000, 2, 3], [4095, 4096, 1]]) {
  test(`pieces of ${JSON.stringify(sizes)} bytes are joined in their order`, () => {
    const gathered = new BodyGatherer();
    const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    for (const piece of pieces) gathered.add(piece);
    assert.deepEqual(gathered.take(), Buffer.concat(pieces));
  });
}

test("pieces of one byte share one buffer", () => {
  const gathered = new BodyGatherer();
  const byte = Buffer.of(7);
  for (let index = 0; index < 100_000; index++) gathered.add(byte);
  const body = gathered.take();
  assert.equal(body.length, 100_000);
  assert.ok(body.buffer.byteLength <= 200_000);
});
