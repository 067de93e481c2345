import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../exporter/shared/platform/http/http-client.js";
import {
  BODY_SIZES,
  createFixture,
  inTurn,
  INTERVAL_MS,
  settings,
  target,
  type Answer,
} from "./scrape-fixture.js";
import { showSamples } from "./memory-sample-writer.js";

const gone = new HttpError("unreachable", "refused");

interface StalenessCase {
  readonly name: string;
  readonly answers: readonly Answer[];
  /** One list per row, in the order of the table. */
  readonly rows: readonly (readonly string[])[];
  readonly honorTimestamps?: boolean;
}

const CASES: readonly StalenessCase[] = [
  {
    name: "a body that stays as it is has no markers",
    answers: ["a 1\nb 2\n", "a 3\nb 4\n"],
    rows: [
      ["up 1", "a 1", "b 2"],
      ["up 1", "a 3", "b 4"],
    ],
  },
  {
    name: "a series that vanishes is marked once, at the next scrape",
    answers: ["a 1\nb 2\n", "a 3\n", "a 4\n"],
    rows: [
      ["up 1", "a 1", "b 2"],
      ["up 1", "a 3", "b stale"],
      ["up 1", "a 4"],
    ],
  },
  {
    name: "a series that comes back has values again",
    answers: ["a 1\nb 2\n", "b 3\n", "a 4\nb 5\n"],
    rows: [
      ["up 1", "a 1", "b 2"],
      ["up 1", "b 3", "a stale"],
      ["up 1", "a 4", "b 5"],
    ],
  },
  {
    name: "lines in another order are the same series",
    answers: ["a 1\nb 2\n", "b 3\na 4\n"],
    rows: [
      ["up 1", "a 1", "b 2"],
      ["up 1", "b 3", "a 4"],
    ],
  },
  {
    name: "labels in another order are the same series",
    answers: ['a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 2\n'],
    rows: [
      ["up 1", 'a{x="1", y="2"} 1'],
      ["up 1", 'a{x="1", y="2"} 2'],
    ],
  },
  {
    name: "a failed scrape marks all series, the next failure only reports",
    answers: ["a 1\nb 2\n", gone, gone, "a 3\n"],
    rows: [["up 1", "a 1", "b 2"], ["up 0", "a stale", "b stale"], ["up 0"], ["up 1", "a 3"]],
  },
  {
    name: "a body that breaks off marks all series",
    answers: ["a 1\nb 2\n", 'a 3\nb{x="', 'a 3\nb{x="'],
    rows: [["up 1", "a 1", "b 2"], ["up 0", "a stale", "b stale"], ["up 0"]],
  },
  {
    name: "an empty body ends all series and is a success",
    answers: ["a 1\n", "", "a 2\n"],
    rows: [
      ["up 1", "a 1"],
      ["up 1", "a stale"],
      ["up 1", "a 2"],
    ],
  },
  {
    name: "a sample with a timestamp is in a row of its own and is never marked",
    answers: [`a 1\nb 2 ${Date.UTC(2026, 0, 12, 14)}\n`, "a 3\n"],
    rows: [["b 2"], ["up 1", "a 1"], ["up 1", "a 3"]],
  },
  {
    name: "a timestamp seen before is left out",
    answers: ["a 1\nb 2 1000\n", "a 3\nb 2 1000\n", "a 4\nb 5 900\n", "a 5\nb 6 2000\n"],
    rows: [["b 2"], ["up 1", "a 1"], ["up 1", "a 3"], ["up 1", "a 4"], ["b 6"], ["up 1", "a 5"]],
  },
  {
    name: "timestamps that are not honoured are as if they were not there",
    answers: ["a 1 1000\nb 2 5000\n", "b 3 2000\n"],
    rows: [
      ["up 1", "a 1", "b 2"],
      ["up 1", "b 3", "a stale"],
    ],
    honorTimestamps: false,
  },
  {
    name: "a series that gets a timestamp ends as a series without",
    answers: ["a 1\n", "a 2 1000\n"],
    rows: [["up 1", "a 1"], ["a 2"], ["up 1", "a stale"]],
  },
  {
    name: "a duplicate is left out, the first one kept",
    answers: ["a 1\na 2\nb 3\n", "a 4\nb 5\nb 6\n"],
    rows: [
      ["up 1", "a 1", "b 3"],
      ["up 1", "a 4", "b 5"],
    ],
  },
  {
    name: "the report of the scraper wins over a series of its name",
    answers: ['up 0\nup{x="1"} 0\na 1\n'],
    rows: [["up 1", 'up{x="1"} 0', "a 1"]],
  },
];

const SIZED_CASES = CASES.flatMap((found) => BODY_SIZES.map((sized) => ({ ...found, ...sized })));

for (const { name, size, largeBodyBytes, answers, rows, honorTimestamps = true } of SIZED_CASES) {
  test(`Staleness: ${name} (${size} body)`, async () => {
    const { clock, writer, manager } = createFixture({
      answer: inTurn(...answers),
      pools: { failuresToSlowLane: 99 },
      largeBodyBytes,
    });
    manager.sync([target("10.0.0.7", settings({ honorTimestamps }))]);
    await clock.advance(answers.length * INTERVAL_MS);
    const stored = writer.table().rows.map(showSamples).slice(0, rows.length);
    assert.deepEqual(stored, rows);
    await manager.stop();
  });
}

test("Staleness: a removed target ends, reports included, at the time of its next scrape", async () => {
  const { clock, writer, manager } = createFixture({ answer: inTurn("a 1\n") });
  manager.sync([target()]);
  await clock.advance(INTERVAL_MS);
  manager.sync([]);
  assert.equal(writer.table().rows.length, 1);
  await clock.advance(INTERVAL_MS);
  const rows = writer.table().rows;
  assert.deepEqual(rows.map(showSamples), [
    ["up 1", "a 1"],
    ["up stale", "a stale"],
  ]);
  assert.equal((rows[1]?.timestampMs ?? 0) - (rows[0]?.timestampMs ?? 0), INTERVAL_MS);
  await clock.advance(3 * INTERVAL_MS);
  assert.equal(writer.table().rows.length, 2);
  await manager.stop();
});

test("Staleness: a target that is removed before its first scrape writes nothing", async () => {
  const { clock, writer, manager } = createFixture({ answer: inTurn("a 1\n") });
  manager.sync([target()]);
  manager.sync([]);
  await clock.advance(3 * INTERVAL_MS);
  assert.deepEqual(writer.table().rows, []);
  await manager.stop();
});

test("Staleness: a target that returns before its next scrape continues its series", async () => {
  const { clock, writer, manager } = createFixture({ answer: inTurn("a 1\nb 1\n", "a 2\n") });
  manager.sync([target()]);
  await clock.advance(INTERVAL_MS);
  manager.sync([]);
  manager.sync([target()]);
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(writer.table().rows.map(showSamples), [
    ["up 1", "a 1", "b 1"],
    ["up 1", "a 2", "b stale"],
  ]);
  await manager.stop();
});

test("Staleness: stopping the program ends no series", async () => {
  const { clock, writer, manager } = createFixture({ answer: inTurn("a 1\n") });
  manager.sync([target()]);
  await clock.advance(INTERVAL_MS);
  await manager.stop();
  await clock.advance(3 * INTERVAL_MS);
  assert.deepEqual(writer.table().rows.map(showSamples), [["up 1", "a 1"]]);
});
