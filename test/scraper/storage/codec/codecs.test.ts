import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader } from "../../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../../exporter/shared/journal/byte-writer.js";
import { codeOf } from "../../../../exporter/shared/model/errors.js";
import { ABSENT_BITS, STALE_BITS } from "../../../../exporter/shared/model/special-values.js";
import { decodeChunk, encodeChunk } from "../../../../scraper/storage/codec/chunk-codec.js";
import { ColumnEncoder, decodeColumn } from "../../../../scraper/storage/codec/column-codec.js";
import { decodeRow, encodeRow } from "../../../../scraper/storage/codec/row-codec.js";

const anyBits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bitsOfNumber = (value: number): bigint =>
  new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
const special = fc.constantFrom(
  STALE_BITS,
  ABSENT_BITS,
  ...[NaN, Infinity, -Infinity, -0, 0, 5e-324].map(bitsOfNumber),
);
const decimal = fc
  .tuple(fc.integer(), fc.integer({ min: 0, max: 12 }))
  .map(([whole, places]) => whole / 10 ** places);
const measured = fc.oneof(
  fc.integer().map(bitsOfNumber),
  fc.maxSafeInteger().map(bitsOfNumber),
  decimal.map(bitsOfNumber),
  fc.integer({ min: 0 }).map((value) => bitsOfNumber(value * 0.001)),
  fc.double().map(bitsOfNumber),
);

const columns = fc.oneof(
  fc.array(anyBits, { maxLength: 50 }),
  fc.array(fc.oneof(measured, special), { maxLength: 100 }),
  fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 3 }).map(bitsOfNumber) }, special),
    { maxLength: 200 },
  ),
  fc
    .tuple(fc.maxSafeInteger(), fc.array(fc.nat(1000), { maxLength: 100 }))
    .map(([first, steps]) => {
      let value = first;
      return steps.map((step) => bitsOfNumber((value += step * 1024)));
    }),
);

function toColumn(bits: readonly bigint[]): Float64Array {
  return new Float64Array(BigUint64Array.from(bits).buffer);
}

function toBits(values: Float64Array): bigint[] {
  return [...new BigUint64Array(values.buffer, values.byteOffset, values.length)];
}

test("a row comes back bit for bit, whatever its values", () => {
  fc.assert(
    fc.property(columns, (bits) => {
      const writer = new ByteWriter(1);
      encodeRow(toColumn(bits), writer);
      const values = new Float64Array(bits.length);
      const reader = new ByteReader(writer.copy());
      decodeRow(reader, values);
      assert.deepEqual(toBits(values), bits);
      assert.ok(reader.isAtEnd);
    }),
    { numRuns: 400 },
  );
});

test("a column comes back bit for bit, whatever its values", () => {
  const encoder = new ColumnEncoder();
  fc.assert(
    fc.property(columns, (bits) => {
      const writer = new ByteWriter(1);
      encoder.encode(toColumn(bits), writer);
      const values = new Float64Array(bits.length);
      const reader = new ByteReader(writer.copy());
      decodeColumn(reader, values);
      assert.deepEqual(toBits(values), bits);
      assert.ok(reader.isAtEnd);
    }),
    { numRuns: 600 },
  );
});

test("decoding damaged bytes of a row or a column throws or returns other values, and always ends", () => {
  fc.assert(
    fc.property(
      columns,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.nat(),
      (bits, changes, cut) => {
        for (const [encode, decode] of [
          [(writer: ByteWriter) => encodeRow(toColumn(bits), writer), decodeRow],
          [
            (writer: ByteWriter) => new ColumnEncoder().encode(toColumn(bits), writer),
            decodeColumn,
          ],
        ] as const) {
          const writer = new ByteWriter(1);
          encode(writer);
          const bytes = writer
            .copy()
            .subarray(0, cut % 3 === 0 ? cut % (writer.length + 1) : writer.length);
          if (bytes.length === 0) continue;
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          try {
            decode(new ByteReader(bytes), new Float64Array(bits.length));
          } catch (error) {
            assert.equal(codeOf(error), "malformed_bytes", String(error));
          }
        }
      },
    ),
    { numRuns: 400 },
  );
});

for (const { name, values, maxBytes } of [
  { name: "a constant", values: Array<number>(480).fill(42), maxBytes: 4 },
  {
    name: "a counter that steps evenly",
    values: Array.from({ length: 480 }, (_, row) => 1e9 + row * 4096),
    maxBytes: 16,
  },
  {
    name: "timestamps",
    values: Array.from({ length: 480 }, (_, row) => 1.7e12 + row * 15_000),
    maxBytes: 16,
  },
  {
    name: "hundredths",
    values: Array.from({ length: 480 }, (_, row) => (row * 7 + (row % 3)) / 100),
    maxBytes: 520,
  },
  {
    name: "milliseconds times 0.001",
    values: Array.from({ length: 480 }, (_, row) => (row * 7 + (row % 3)) * 0.001),
    maxBytes: 520,
  },
  {
    name: "zero, nearly always",
    values: Array.from({ length: 480 }, (_, row) => (row === 77 ? 1 : 0)),
    maxBytes: 12,
  },
]) {
  test(`${name} in 480 rows takes at most ${maxBytes} bytes`, () => {
    const writer = new ByteWriter();
    new ColumnEncoder().encode(Float64Array.from(values), writer);
    assert.ok(writer.length <= maxBytes, `${writer.length} bytes`);
  });
}

test("columns of a chunk are decoded in the order they are wanted, without the other columns", () => {
  const rows = [1, 2, 3].map((base) => Float64Array.from({ length: 24 }, (_, row) => base * row));
  const timestamps = Float64Array.from({ length: 24 }, (_, row) => 1.7e12 + row * 15_000);
  const writer = new ByteWriter();
  encodeChunk(timestamps, 3, (column) => itemAt(rows, column), new ColumnEncoder(), writer);
  const chunk = decodeChunk(new ByteReader(writer.copy()), 3, Uint32Array.of(2, 0));
  assert.deepEqual(chunk.timestamps, timestamps);
  assert.deepEqual(chunk.columns, [rows[2], rows[0]]);
  assert.throws(
    () => decodeChunk(new ByteReader(writer.copy().subarray(0, -1)), 3, Uint32Array.of(0)),
    {
      code: "malformed_bytes",
    },
  );
});
