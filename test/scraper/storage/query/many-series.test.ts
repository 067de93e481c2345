import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { createLabelMatcher } from "../../../../scraper/storage/model/label-matcher.js";
import type { Pace } from "../../../../scraper/storage/model/querier.js";
import type { Storage } from "../../../../scraper/storage/storage.js";
import { ALWAYS, appendRow, host, openStorage, selectName, START_MS } from "../storage-fixture.js";

const ROW_MS = 15_000;
const KEY = host("10.0.0.1");

/** A pace that pauses at each report, counts, and calls `onPause`. */
class CountingPace implements Pace {
  /** The most values that one report covered. */
  longest = 0;
  total = 0;
  heldBytes = 0;

  constructor(private readonly onPause: () => void = () => undefined) {}

  isDue(values: number): boolean {
    this.longest = Math.max(this.longest, values);
    this.total += values;
    return true;
  }

  async pause(): Promise<void> {
    this.onPause();
  }

  hold(bytes: number): void {
    this.heldBytes += bytes;
  }
}

const seriesOf = (name: string, from: number, count: number): Labels[] =>
  Array.from({ length: count }, (_, index) =>
    Labels.of({ __name__: name, id: String(from + index) }),
  );

function append(storage: Storage, row: number, series: readonly Labels[]): void {
  const values = new Float64Array(series.length).fill(row + 1);
  storage.openTable(KEY).append(START_MS + row * ROW_MS, storage.internLayout(series), values);
}

test("series that come and go are read by samples, not by rows times columns", async () => {
  const { storage } = await openStorage();
  const rows = 12;
  const perRow = 3000;
  const steady = seriesOf("steady", 0, 10);
  for (let row = 0; row < rows; row++)
    append(storage, row, [...seriesOf("fleeting", row * perRow, perRow), ...steady]);
  const pace = new CountingPace();
  const matchers = [createLabelMatcher("__name__", "=~", "fleeting|steady")];
  const tables = await storage.querier.select(matchers, ALWAYS, pace);
  const counts = new Map<string, number>();
  for (const { series } of tables)
    for (const { labels } of series) counts.set(labels.name, (counts.get(labels.name) ?? 0) + 1);
  assert.deepEqual(Object.fromEntries(counts), { fleeting: rows * perRow, steady: 10 });
  const steadyAnswer = await selectName(storage, "steady");
  for (const samples of Object.values(steadyAnswer)) assert.equal(samples.length, rows);
  const fleeting = await selectName(storage, "fleeting");
  assert.deepEqual(new Set(Object.values(fleeting).map((samples) => samples.length)), new Set([1]));
  // Windows hold up to three scrapes, so there are at most three values per sample.
  assert.ok(pace.heldBytes < rows * perRow * (3 * 8 * 3 + 3 * 300), String(pace.heldBytes));
  await storage.stop();
});

test("a table with 30,000 series is searched and read in slices, and completely", async () => {
  const { storage } = await openStorage();
  const series = seriesOf("wide", 0, 30_000);
  for (let row = 0; row < 30; row++) append(storage, row, series);
  const pace = new CountingPace();
  const tables = await storage.querier.select(
    [createLabelMatcher("__name__", "=", "wide")],
    ALWAYS,
    pace,
  );
  const found = tables.flatMap((table) => table.series);
  assert.equal(new Set(found.map(({ labels }) => labels.key)).size, 30_000);
  for (const { values } of found) assert.equal(values.length, 30);
  assert.ok(pace.longest <= 8192 * 64, String(pace.longest));
  assert.ok(pace.total >= 30_000 * 30);
  const values = new CountingPace();
  assert.equal((await storage.querier.labelValues("id", [], ALWAYS, values)).length, 30_000);
  assert.ok(values.longest <= 65_536 * 8, String(values.longest));
  await storage.stop();
});

test("rows of a window that is sealed during a query are read from its chunk", async () => {
  const { storage } = await openStorage();
  const hosts = Array.from({ length: 4 }, (_, index) => host(`10.0.0.${index}`));
  for (const key of hosts) appendRow(storage, key, START_MS, { a: 7 });
  let row = 1;
  const pace = new CountingPace(() => {
    // Each pause brings new rows to all tables; after some of them, windows are sealed.
    for (let count = 0; count < 10; count++, row++)
      for (const key of hosts) appendRow(storage, key, START_MS + row * ROW_MS, { a: row });
  });
  const range = { fromMs: START_MS, untilMs: START_MS + 1 };
  const matchers = [createLabelMatcher("__name__", "=", "a")];
  const tables = await storage.querier.select(matchers, range, pace);
  assert.ok(row > 24);
  assert.equal(tables.length, 4);
  for (const { timestamps, series } of tables) {
    assert.deepEqual([...timestamps], [START_MS]);
    assert.deepEqual([...(series[0]?.values ?? [])], [7]);
  }
  await storage.stop();
});
