import assert from "node:assert/strict";
import { test } from "node:test";
import { CounterRows, parseCounter } from "../../../exporter/sources/counter-rows.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";

const FULL = 2 ** 32;

/** A reading of one row; undefined while the row is missing. */
type Reading = readonly number[] | undefined;

interface Case {
  readonly name: string;
  readonly readings: readonly Reading[];
  readonly shown: readonly Reading[];
  readonly jitter?: number;
  /** Of the device, at each reading. */
  readonly identities?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "counting on",
    readings: [
      [1, 2],
      [5, 2],
    ],
    shown: [
      [1, 2],
      [5, 2],
    ],
  },
  {
    name: "a counter of 32 bits that is full",
    readings: [
      [FULL - 96, 10],
      [904, 20],
      [1000, 30],
    ],
    shown: [
      [FULL - 96, 10],
      [FULL + 904, 20],
      [FULL + 1000, 30],
    ],
  },
  {
    name: "full twice",
    readings: [[FULL - 1], [5], [FULL - 1], [5]],
    shown: [[FULL - 1], [FULL + 5], [2 * FULL - 1], [2 * FULL + 5]],
  },
  {
    name: "all counters of a row full at once",
    readings: [
      [FULL - 1, FULL - 2],
      [5, 6],
    ],
    shown: [
      [FULL - 1, FULL - 2],
      [FULL + 5, FULL + 6],
    ],
  },
  {
    name: "a row that starts over",
    readings: [
      [5000, 70, 0],
      [3, 1, 0],
      [9, 1, 0],
    ],
    shown: [
      [5000, 70, 0],
      [3, 1, 0],
      [9, 1, 0],
    ],
  },
  {
    name: "a row that starts over with a counter close to full",
    readings: [
      [FULL - 10, 70],
      [3, 1],
    ],
    shown: [
      [FULL - 10, 70],
      [3, 1],
    ],
  },
  {
    name: "a counter that starts over alone",
    readings: [
      [5000, 70],
      [10, 71],
      [30, 72],
    ],
    shown: [
      [5000, 70],
      [5000, 71],
      [5020, 72],
    ],
  },
  {
    name: "a small step back",
    readings: [
      [10_000, 70],
      [9950, 71],
      [9990, 72],
      [10_020, 73],
    ],
    shown: [
      [10_000, 70],
      [10_000, 71],
      [10_000, 72],
      [10_020, 73],
    ],
  },
  {
    name: "a step back within the jitter of the source",
    readings: [
      [40, 70],
      [0, 71],
      [41, 72],
    ],
    shown: [
      [40, 70],
      [40, 71],
      [41, 72],
    ],
    jitter: 300,
  },
  {
    name: "counters of the hardware start over, those of the kernel go on",
    readings: [
      [3_000_000_000, 2_000_000, 5],
      [10, 1, 5],
      [30, 3, 5],
    ],
    shown: [
      [3_000_000_000, 2_000_000, 5],
      [3_000_000_000, 2_000_000, 5],
      [3_000_000_020, 2_000_002, 5],
    ],
  },
  {
    name: "a counter below zero for a while, and one that always is",
    readings: [
      [5, 70, Number.NaN],
      [Number.NaN, 71, Number.NaN],
      [6, 72, Number.NaN],
      [7, 73, 9],
    ],
    shown: [
      [5, 70, Number.NaN],
      [5, 71, Number.NaN],
      [6, 72, Number.NaN],
      [7, 73, 9],
    ],
  },
  {
    name: "a row that vanishes and comes back",
    readings: [[FULL - 1, 70], undefined, [3, 71]],
    shown: [[FULL - 1, 70], undefined, [3, 71]],
  },
  {
    name: "another device under the name",
    readings: [
      [FULL - 1, 70],
      [3, 71],
    ],
    shown: [
      [FULL - 1, 70],
      [3, 71],
    ],
    identities: ["7", "8"],
  },
  {
    name: "a counter of 64 bits beyond 32 bits",
    readings: [
      [FULL * 4, 1],
      [FULL * 4 - 1000, 2],
    ],
    shown: [
      [FULL * 4, 1],
      [FULL * 4, 2],
    ],
  },
];
for (const { name, readings, shown, jitter = 0, identities = [] } of CASES) {
  test(`counters never fall without a reset: ${name}`, async () => {
    let step = 0;
    const rows = new CounterRows({
      wrapAt: FULL,
      jitter,
      identityOf: async () => identities[step],
    });
    for (step = 0; step < readings.length; step++) {
      const reading = readings[step];
      const found = await rows.update(
        reading === undefined ? [] : [{ name: "x", values: reading }],
      );
      const expected = shown[step];
      assert.deepEqual(found, expected === undefined ? [] : [{ name: "x", values: expected }]);
    }
  });
}

test("random readings with wraps and small steps back never fall, and end at the true count", async () => {
  // A fixed sequence: the numbers of a linear congruential generator.
  let seed = 42;
  const next = (limit: number): number =>
    (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % limit;
  const rows = new CounterRows({ wrapAt: FULL });
  const truth = [FULL - 50_000_000, 7];
  let before: readonly number[] = [0, 0];
  for (let step = 0; step < 2000; step++) {
    truth[0] = itemAt(truth, 0) + next(20_000_000);
    truth[1] = itemAt(truth, 1) + 1 + next(1000);
    const [row] = await rows.update([{ name: "x", values: truth.map((value) => value % FULL) }]);
    const values = row?.values ?? [];
    assert.equal(
      values.findIndex((value, index) => value < itemAt(before, index)),
      -1,
    );
    before = values;
  }
  assert.deepEqual(before, truth);
  assert.ok(itemAt(truth, 0) > 4 * FULL);
});

test("two devices that exchange their names start over, also where no counter has fallen", async () => {
  const identities = new Map([
    ["eth0", "2"],
    ["eth1", "3"],
  ]);
  const rows = new CounterRows({ wrapAt: FULL, identityOf: async (name) => identities.get(name) });
  const read = (names: readonly string[], value: number) =>
    rows.update(names.map((name, index) => ({ name, values: [value + index] })));
  await read(["eth0", "eth1"], FULL - 100);
  assert.deepEqual(await read(["eth0", "eth1"], 50), [
    { name: "eth0", values: [FULL + 50] },
    { name: "eth1", values: [FULL + 51] },
  ]);
  identities.set("eth0", "3").set("eth1", "2");
  assert.deepEqual(await read(["eth1", "eth0"], 60), [
    { name: "eth1", values: [60] },
    { name: "eth0", values: [61] },
  ]);
});

test("counters of 64 bits below zero are not known", () => {
  assert.equal(parseCounter("18446744073709551615", "x"), Number.NaN);
  assert.equal(parseCounter("9007199254740993", "x"), 2 ** 53);
  assert.equal(parseCounter("-1", "x"), Number.NaN);
  assert.throws(() => parseCounter("x", "x"), /must hold a number/);
});
