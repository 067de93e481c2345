import assert from "node:assert/strict";
import { test } from "node:test";
import { itemAt, present } from "../../../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { bitsOf, isAbsentAt, isStaleAt } from "../../../../exporter/shared/model/special-values.js";
import { createLabelMatcher } from "../../../../scraper/storage/model/label-matcher.js";
import type {
  NewestSamples,
  Pace,
  SelectedTable,
} from "../../../../scraper/storage/model/querier.js";
import type { Storage } from "../../../../scraper/storage/storage.js";
import { Random } from "../../../support/random.js";
import {
  ABSENT,
  appendRow,
  describe,
  host,
  openStorage,
  STALE,
  START_MS,
  type Value,
} from "../storage-fixture.js";

const LOOKBACK_MS = 300_000;
const rangeAt = (timeMs: number): { fromMs: number; untilMs: number } => ({
  fromMs: timeMs - LOOKBACK_MS + 1,
  untilMs: timeMs + 1,
});
const named = (name: string) => [createLabelMatcher("__name__", "=", name)];

/** The newest sample of each series, as `series: time value`. */
function newestOf(tables: readonly SelectedTable[]): string[] {
  const found: string[] = [];
  for (const { timestamps, series } of tables) {
    for (const { labels, values } of series) {
      const bits = bitsOf(values);
      let last = values.length - 1;
      while (last >= 0 && isAbsentAt(bits, last)) last--;
      if (last >= 0 && !isStaleAt(bits, last))
        found.push(`${labels.toString()}: ${timestamps[last]} ${values[last]}`);
    }
  }
  return found.sort();
}

const listed = ({ labels, timestamps, values }: NewestSamples): string[] =>
  labels.map((each, index) => `${each.toString()}: ${timestamps[index]} ${values[index]}`).sort();

async function newest(storage: Storage, name: string, timeMs: number, pace?: Pace) {
  return storage.querier.newest?.(named(name), rangeAt(timeMs), pace);
}

/** Adds up the work that a query reports. */
class Work implements Pace {
  total = 0;

  isDue(values: number): boolean {
    this.total += values;
    return false;
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  hold(): void {
    return undefined;
  }
}

test("the newest samples are those that a whole search finds, whatever is written", async () => {
  const random = new Random(20_261_129);
  const setup = await openStorage();
  const { clock, files } = setup;
  let { storage } = setup;
  const names = ["a", "b", "c", "d", "e"];
  let answered = 0;
  let asked = 0;
  for (let step = 0; step < 3000; step++) {
    const nowMs = clock.wallMs();
    const key = host(`10.0.0.${random.below(4)}`);
    const row: Record<string, Value> = {};
    for (const name of names)
      if (random.chance(0.8)) row[name] = random.pick([1, 2, step, step, STALE, ABSENT]);
    if (step % 700 < 350) for (const name of names) row[name] = step;
    const agoMs = random.chance(0.02) ? random.below(400_000) : 0;
    if (Object.keys(row).length > 0) appendRow(storage, key, nowMs - agoMs, row);
    await clock.advance(random.pick([1, 5000, 5000, 15_000]));
    if (random.chance(0.01)) await storage.maintainJournal();
    if (random.chance(0.005)) await clock.advance(3_600_000);
    if (random.chance(0.01)) await storage.maintainBlocks();
    if (random.chance(0.003)) {
      await storage.stop();
      ({ storage } = await openStorage(files, clock));
    }
    const timeMs = clock.wallMs() - random.pick([0, 0, 3000, 20_000]);
    const name = random.pick(names);
    const expected = await storage.querier.select(
      [createLabelMatcher("__name__", "=~", name)],
      rangeAt(timeMs),
    );
    const indexed = await storage.querier.select(named(name), rangeAt(timeMs));
    assert.deepEqual(describe(indexed), describe(expected), `search at step ${step}`);
    const found = await newest(storage, name, timeMs);
    asked++;
    if (found === undefined) continue;
    answered++;
    assert.deepEqual(listed(found), newestOf(expected), `newest samples at step ${step}`);
  }
  assert.ok(answered > asked / 4, `${answered} of ${asked} were answered`);
});

test("a steady target is answered from its newest row, whatever the age of its window", async () => {
  const { storage, clock } = await openStorage();
  for (let row = 0; row < 100; row++) {
    appendRow(storage, host("10.0.0.1"), clock.wallMs(), { up: 1, load: row });
    await clock.advance(5000);
    const found = present(await newest(storage, "load", clock.wallMs()), "Newest samples");
    assert.deepEqual(listed(found), [
      `load{instance="10.0.0.1:8732", job="pi"}: ${START_MS + row * 5000} ${row}`,
    ]);
  }
});

test("a selector with a name costs by the tables with that name, not by all tables", async () => {
  const workOf = async (hosts: number): Promise<{ newest: number; select: number }> => {
    const { storage } = await openStorage();
    for (let index = 0; index < hosts; index++)
      appendRow(storage, host(`10.0.${index >> 8}.${index & 255}`), START_MS, { up: 1, load: 2 });
    appendRow(storage, host("10.9.9.9"), START_MS, { up: 1, rare: 3 });
    const work = { newest: new Work(), select: new Work() };
    await newest(storage, "rare", START_MS, work.newest);
    await storage.querier.select(named("rare"), rangeAt(START_MS), work.select);
    return { newest: work.newest.total, select: work.select.total };
  };
  const [few, many] = [await workOf(3), await workOf(600)];
  assert.deepEqual(many, few);
});

test("a target with very many names does not slow selectors of other names, and is found itself", async () => {
  const { storage } = await openStorage();
  const series = Array.from({ length: 9000 }, (_, index) =>
    Labels.of({ __name__: `churn_${index}` }),
  );
  const layout = storage.internLayout(series);
  storage.openTable(host("10.0.0.1")).append(START_MS, layout, new Float64Array(9000).fill(7));
  appendRow(storage, host("10.0.0.2"), START_MS, { up: 1 });
  const work = new Work();
  await newest(storage, "up", START_MS, work);
  assert.ok(work.total < 200, `${work.total} values`);
  const found = await newest(storage, itemAt(series, 8999).name, START_MS);
  assert.deepEqual(found?.values, Float64Array.of(7));
});

test("many selectors of one layout look at each series once together, not once each", async () => {
  const { storage } = await openStorage();
  const series = Array.from({ length: 1000 }, (_, index) =>
    Labels.of({ __name__: `m_${index % 50}`, i: String(index) }),
  );
  const layout = storage.internLayout(series);
  const values = Float64Array.from(series.keys());
  storage.openTable(host("10.0.0.1")).append(START_MS, layout, values);
  const work = new Work();
  for (let index = 0; index < 1000; index++) {
    const matchers = [...named(`m_${index % 50}`), createLabelMatcher("i", "=", String(index))];
    const found = await storage.querier.newest?.(matchers, rangeAt(START_MS), work);
    assert.deepEqual(found?.values, Float64Array.of(index));
  }
  assert.ok(work.total < 1000 * 300, `${work.total} values`);
});
