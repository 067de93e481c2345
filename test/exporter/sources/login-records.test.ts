import assert from "node:assert/strict";
import { test } from "node:test";
import {
  areLoginRecords,
  parseLastlogRecord,
  parseLoginRecords,
} from "../../../exporter/sources/login-records.js";

interface Login {
  readonly type?: number;
  readonly user: string;
  readonly seconds?: number;
}

/** A utmp record as the C library of the machine writes it. */
function record(width: 384 | 400, { type = 7, user, seconds = 1_768_228_001 }: Login): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeInt16LE(type, 0);
  bytes.writeInt32LE(812, 4);
  bytes.write("pts/0", 8);
  bytes.write(user, 44);
  bytes.write("192.168.1.20", 76);
  if (width === 400) bytes.writeBigInt64LE(BigInt(seconds), 344);
  else bytes.writeUInt32LE(seconds, 340);
  bytes.fill(0xc0, width === 400 ? 360 : 348, width === 400 ? 364 : 352); // The address, in binary.
  return bytes;
}

const many = (width: 384 | 400, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => record(width, { user: `u${index}` })));

for (const width of [384, 400] as const) {
  for (const count of [1, 2, 3, 24, 25, 100, 2400]) {
    test(`login records of ${width} bytes are recognised, ${count} of them`, () => {
      const records = parseLoginRecords(many(width, count));
      assert.deepEqual(
        records.map(({ user }) => user),
        Array.from({ length: count }, (_, index) => `u${index}`),
      );
      assert.equal(records[0]?.timeMs, 1_768_228_001_000);
      assert.equal(records[0].host, "192.168.1.20");
    });
  }
}

test("a user name that fills its field has no terminator", () => {
  const user = "u".repeat(32);
  assert.equal(parseLoginRecords(record(384, { user }))[0]?.user, user);
});

test("times after 2038 are read from both widths", () => {
  const seconds = 3_000_000_000;
  for (const width of [384, 400] as const) {
    assert.equal(
      parseLoginRecords(record(width, { user: "pi", seconds }))[0]?.timeMs,
      seconds * 1000,
    );
  }
});

test("records of other types, garbage and an empty file contain no logins", () => {
  const others = [0, 1, 2, 5, 6, 8, 9].map((type) => record(384, { type, user: "x" }));
  assert.deepEqual(parseLoginRecords(Buffer.concat(others)), []);
  assert.deepEqual(parseLoginRecords(Buffer.alloc(5000, 0xff)), []);
  assert.deepEqual(parseLoginRecords(Buffer.alloc(0)), []);
  assert.deepEqual(parseLoginRecords(Buffer.alloc(100)), []);
});

test("an incomplete last record is left out", () => {
  const cut = many(384, 3).subarray(0, 2 * 384 + 100);
  assert.deepEqual(
    parseLoginRecords(cut).map(({ user }) => user),
    ["u0", "u1"],
  );
});

for (const width of [384, 400] as const) {
  test(`records that are in use decide about the width of ${width} bytes, not the size of the file`, () => {
    const used = record(width, { user: "pi" });
    // A multiple of both widths, with one login among empty records.
    const bytes = Buffer.concat([Buffer.alloc(5 * width), used, Buffer.alloc(9600 - 6 * width)]);
    for (const isWide of [false, true])
      assert.deepEqual(
        parseLoginRecords(bytes, isWide).map(({ user }) => user),
        ["pi"],
      );
  });
}

test("a record of lastlog that is none is not read", () => {
  const wide = Buffer.alloc(296);
  assert.equal(parseLastlogRecord(wide), 0);
  wide.writeBigInt64LE(1_768_228_001n);
  wide.write("pts/0", 8);
  assert.equal(parseLastlogRecord(wide), 1_768_228_001_000);
  assert.equal(parseLastlogRecord(wide.subarray(0, 292)), undefined, "the terminal is elsewhere");
  assert.equal(parseLastlogRecord(Buffer.alloc(292, 0xff)), undefined);
  assert.equal(parseLastlogRecord(Buffer.alloc(10)), undefined);
});

test("one odd record hides no other, and text that is not UTF-8 is shown with escapes", () => {
  const odd = record(384, { user: "odd" });
  odd.fill(0xe4, 76, 80);
  odd.write("left over", 60); // After the end of the user.
  const bytes = Buffer.concat([record(384, { user: "ann" }), odd, record(384, { user: "bob" })]);
  assert.deepEqual(
    parseLoginRecords(bytes).map(({ user, host }) => [user, host]),
    [
      ["ann", "192.168.1.20"],
      ["odd", "\\xe4\\xe4\\xe4\\xe4168.1.20"],
      ["bob", "192.168.1.20"],
    ],
  );
  assert.deepEqual(
    parseLoginRecords(odd).map(({ user }) => user),
    ["odd"],
  );
});

test("a record without a user is no login, and bytes that are no records are known as such", () => {
  assert.deepEqual(parseLoginRecords(record(384, { user: "" })), []);
  assert.equal(areLoginRecords(Buffer.alloc(5000, 0xff)), false);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(384), record(384, { user: "" })])
    assert.equal(areLoginRecords(bytes), true);
});
