import assert from "node:assert/strict";
import { test } from "node:test";
import { formatApiFloat } from "../../../../exporter/shared/model/float-format.js";
import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import { PointWriter, renderTimestamp } from "../../../../scraper/api/prometheus/point-writer.js";
import { Random } from "../../../support/random.js";

function written(timestamps: readonly number[], values: readonly number[]): string {
  const writer = new PointWriter();
  const [times, numbers] = [Float64Array.from(timestamps), Float64Array.from(values)];
  let text = "";
  for (let point = 0; point < times.length;) {
    point = writer.points(times, numbers, point);
    text += Buffer.from(writer.take()).toString("latin1");
  }
  return text;
}

test("Points are written with times in seconds and numbers formatted as in Prometheus", () => {
  const values = [
    0,
    -0,
    1,
    -1.5,
    0.1,
    123456789.000001,
    1e9,
    1e15,
    123456789012345,
    1e-6,
    9.9e-7,
    1e21,
    1e300,
    0.1 + 0.2,
  ];
  const times = values.map((_, index) => 1_700_000_000_000 + index * 250);
  const expected = values
    .map((value, index) => `[${itemAt(times, index) / 1000},"${formatApiFloat(value)}"]`)
    .join(",");
  assert.equal(
    written(times, values),
    expected.replace(/\[(\d+\.\d{1,2}),/g, (_, time: string) => `[${Number(time).toFixed(3)},`),
  );
});

test("Any number is formatted as by formatApiFloat, across several pieces", () => {
  const random = new Random(7);
  const bits = new Uint32Array(2);
  const double = new Float64Array(bits.buffer);
  const values: number[] = [
    NaN,
    Infinity,
    -Infinity,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    2 ** 53,
    2 ** 31,
    2 ** 32,
  ];
  for (let count = 0; count < 30_000; count++) {
    const places = 10 ** random.below(9);
    values.push((random.below(2 ** 31) * random.pick([1, -1, 4097])) / places);
    bits[0] = random.below(2 ** 32);
    bits[1] = random.below(2 ** 32);
    values.push(double[0] as number);
  }
  const text = written(
    values.map((_, index) => index * 1000),
    values,
  );
  assert.equal(
    text,
    values.map((value, index) => `[${index},"${formatApiFloat(value)}"]`).join(","),
  );
});

for (const { milliseconds, text } of [
  { milliseconds: 0, text: "0" },
  { milliseconds: 1500, text: "1.500" },
  { milliseconds: 1_435_781_451_781, text: "1435781451.781" },
  { milliseconds: -1, text: "-0.001" },
]) {
  test(`${milliseconds} ms is written as ${text}`, () =>
    assert.equal(renderTimestamp(milliseconds), text));
}
