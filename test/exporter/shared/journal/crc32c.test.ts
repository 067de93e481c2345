import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../../../exporter/shared/journal/crc32c.js";

for (const { name, bytes, checksum } of [
  { name: "nothing", bytes: Buffer.alloc(0), checksum: 0 },
  {
    name: "the nine digits of every CRC catalogue",
    bytes: Buffer.from("123456789"),
    checksum: 0xe3069283,
  },
  { name: "32 bytes of zero (RFC 3720, B.4)", bytes: Buffer.alloc(32), checksum: 0x8a9136aa },
  { name: "32 bytes of ones (RFC 3720, B.4)", bytes: Buffer.alloc(32, 0xff), checksum: 0x62a8ab43 },
  {
    name: "32 ascending bytes (RFC 3720, B.4)",
    bytes: Buffer.from([...Array(32).keys()]),
    checksum: 0x46dd794e,
  },
]) {
  test(`CRC-32C of ${name}`, () => {
    assert.equal(crc32c(bytes), checksum);
  });
}

test("a checksum can be continued from any place", () => {
  const bytes = Buffer.from("a text long enough for several steps of eight bytes");
  for (let split = 0; split <= bytes.length; split++) {
    assert.equal(crc32c(bytes.subarray(split), crc32c(bytes.subarray(0, split))), crc32c(bytes));
    assert.equal(crc32c(bytes, crc32c(bytes, 0, 0, split), split), crc32c(bytes));
  }
});
