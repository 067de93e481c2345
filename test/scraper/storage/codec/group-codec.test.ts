import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../../../exporter/shared/journal/byte-writer.js";
import { codeOf } from "../../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import { GroupEncoder } from "../../../../scraper/storage/codec/group-encoder.js";
import { GroupReader } from "../../../../scraper/storage/codec/group-reader.js";
import {
  BitModels,
  RangeDecoder,
  RangeEncoder,
} from "../../../../scraper/storage/codec/range-coder.js";
import { ABSENT, column, STALE, type Value } from "../storage-fixture.js";

const ROWS = 60;

/** Columns as exporters make them (counters, gauges, one derived from another), and arbitrary ones. */
const columns = fc
  .array(
    fc.oneof(
      fc.array(fc.oneof(fc.double(), fc.constantFrom<Value>(STALE, ABSENT, -0, 0, NaN, Infinity)), {
        minLength: ROWS,
        maxLength: ROWS,
      }),
      fc.array(fc.maxSafeInteger(), { minLength: ROWS, maxLength: ROWS }),
      fc.array(fc.integer({ min: -3, max: 1000 }), { minLength: ROWS, maxLength: ROWS }),
      fc
        .tuple(
          fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
          fc.array(fc.nat(1 << 20), { minLength: ROWS, maxLength: ROWS }),
        )
        .map(([first, steps]) => {
          let value = first;
          return steps.map((step) => (value += step * 512) / 100);
        }),
      fc.constant("as the one before" as const),
      fc.constant("the rest of a whole" as const),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((kinds) => {
    const made: Value[][] = [];
    for (const kind of kinds) {
      const before = made.at(-1) ?? Array<Value>(ROWS).fill(7);
      const numbers = before.map((value) => (typeof value === "number" ? value : 0));
      if (kind === "as the one before")
        made.push(numbers.map((value, row) => value + (row % 9 === 0 ? 1 : 0)));
      else if (kind === "the rest of a whole") made.push(numbers.map((value) => 1e9 - value));
      else made.push([...kind]);
    }
    return made.map(column);
  });

const bitsOfColumn = (values: Float64Array): bigint[] => [
  ...new BigUint64Array(values.slice().buffer),
];

test("columns of a group come back bit for bit, together or alone", async () => {
  const encoder = new GroupEncoder();
  await fc.assert(
    fc.asyncProperty(columns, async (group) => {
      const bytes = await encoder.encode(group);
      const reader = await GroupReader.open(bytes, { columns: group.length, rows: ROWS });
      const all = [...reader.read([...group.keys()])];
      group.forEach((values, index) => {
        const [alone] = reader.read([index]);
        assert.ok(alone !== undefined);
        assert.deepEqual(bitsOfColumn(itemAt(all, index)), bitsOfColumn(values));
        assert.deepEqual(bitsOfColumn(alone), bitsOfColumn(values));
      });
    }),
    { numRuns: 300 },
  );
});

test("decoding damaged bytes of a group throws or returns other values, and always ends", async () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(columns, damage, async (group, changes) => {
      const bytes = await new GroupEncoder().encode(group);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const size = { columns: group.length, rows: ROWS };
      try {
        (await GroupReader.open(bytes, size)).read([...group.keys()]);
      } catch (error) {
        assert.equal(codeOf(error), "malformed_bytes", String(error));
      }
    }),
    { numRuns: 400 },
  );
});

for (const rows of [0, 1, 2]) {
  test(`a group of ${rows} rows comes back`, async () => {
    const rising = Float64Array.from({ length: rows }, (_, row) => row * 5);
    const group = [rising, new Float64Array(rows).fill(3)];
    const bytes = await new GroupEncoder().encode(group);
    const reader = await GroupReader.open(bytes, { columns: 2, rows });
    assert.deepEqual([...reader.read([0, 1])], group);
  });
}

interface SizeCase {
  readonly name: string;
  readonly make: (row: number, column: number) => number;
  readonly maxBytes: number;
}

const SIZE_CASES: readonly SizeCase[] = [
  { name: "64 constants", make: (_, index) => index, maxBytes: 150 },
  { name: "64 times the same noise", make: (row) => (row * row * 7919) % 4096, maxBytes: 1100 },
  { name: "64 even counters", make: (row, index) => 1e9 + row * index * 10, maxBytes: 700 },
  { name: "64 zeros but for one row", make: (row, index) => +(row === index * 7), maxBytes: 500 },
];

for (const { name, make, maxBytes } of SIZE_CASES) {
  test(`${name}, 480 rows of each, take at most ${maxBytes} bytes`, async () => {
    const group = Array.from({ length: 64 }, (_, index) =>
      Float64Array.from({ length: 480 }, (__, row) => make(row, index)),
    );
    const bytes = await new GroupEncoder().encode(group);
    assert.ok(bytes.length <= maxBytes, `${bytes.length} bytes`);
  });
}

test("range-coded bits come back, however likely they were", () => {
  const bits = fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.nat(40), fc.maxSafeInteger()), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(bits, (wanted) => {
      const writer = new ByteWriter();
      writer.u8(0);
      const encoder = new RangeEncoder(writer);
      const models = new BitModels(3);
      encoder.begin();
      for (const [model, bit, count, value] of wanted) {
        encoder.bit(models, model, bit ? 1 : 0);
        encoder.plain(Math.abs(value) % 2 ** count, count);
      }
      encoder.end();
      models.reset();
      const decoder = new RangeDecoder(writer.copy(), 1, writer.length);
      for (const [model, bit, count, value] of wanted) {
        assert.equal(decoder.bit(models, model), bit ? 1 : 0);
        assert.equal(decoder.plain(count), Math.abs(value) % 2 ** count);
      }
    }),
    { numRuns: 300 },
  );
});
