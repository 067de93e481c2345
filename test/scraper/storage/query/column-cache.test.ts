import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { createLabelMatcher } from "../../../../scraper/storage/model/label-matcher.js";
import { NEVER_PAUSE } from "../../../../scraper/storage/model/querier.js";
import type { Storage } from "../../../../scraper/storage/storage.js";
import { Random } from "../../../support/random.js";
import {
  ABSENT,
  appendRow,
  describe,
  host,
  metric,
  openStorage,
  selectAll,
  selectName,
  type Setup,
  STALE,
  START_MS,
  type Value,
} from "../storage-fixture.js";

const ADDRESSES = ["10.0.0.7", "10.0.0.8", "10.0.0.9"];
const STEP_MS = 15_000;

function appendSteps(storage: Storage, from: number, until: number): void {
  for (let step = from; step < until; step++) {
    for (const [index, address] of ADDRESSES.entries()) {
      const row = { a: step, b: 5, c: step * 0.1 + index };
      appendRow(storage, host(address), START_MS + step * STEP_MS + index, row);
    }
  }
}

async function moveOn({ clock, storage }: Setup, step: number): Promise<void> {
  await clock.advance(START_MS + step * STEP_MS - clock.wallMs());
  await storage.commit();
  await storage.maintainBlocks();
}

const rangeOf = (from: number, until: number): { fromMs: number; untilMs: number } => ({
  fromMs: START_MS + from * STEP_MS,
  untilMs: START_MS + until * STEP_MS,
});

test("a dashboard that repeats a query while time goes on reads nothing from the disk again", async () => {
  const setup = await openStorage();
  const { storage, files } = setup;
  appendSteps(storage, 0, 900);
  await moveOn(setup, 900);
  await selectName(storage, "a", rangeOf(100, 900));
  let reads = 0;
  files.fault = (operation) => {
    if (operation === "read") reads++;
    return undefined;
  };
  const misses = metric(storage, "query_cache_misses_total");
  for (let step = 900; step < 1000; step++) {
    appendSteps(storage, step, step + 1);
    if (step % 10 === 0) await storage.commit();
    const answer = await selectName(storage, "a", rangeOf(step - 800, step + 1));
    const seen = answer['a{instance="10.0.0.8:8732", job="pi"}'] ?? [];
    assert.deepEqual([seen.length, seen.at(-1)], [801, `${step * 15 + 0.001}:${step}`]);
  }
  assert.equal(reads, 0);
  assert.equal(metric(storage, "query_cache_misses_total"), misses);
  await storage.stop();
});

test("an instant query reads the samples that the next ones need from the same chunk", async () => {
  const setup = await openStorage();
  const { storage, files } = setup;
  appendSteps(storage, 0, 200);
  await moveOn(setup, 200);
  let reads = 0;
  files.fault = (operation) => {
    if (operation === "read") reads++;
    return undefined;
  };
  let readingQueries = 0;
  for (let step = 20; step < 120; step++) {
    reads = 0;
    const answer = await selectName(storage, "a", rangeOf(step - 9, step + 1));
    if (reads > 0) readingQueries++;
    const seen = answer['a{instance="10.0.0.9:8732", job="pi"}'] ?? [];
    assert.deepEqual([seen.length, seen.at(-1)], [10, `${step * 15 + 0.002}:${step}`]);
  }
  assert.ok(readingQueries <= 16, `${readingQueries} of 100 queries read from the disk`);
  await storage.stop();
});

test("a search for series or labels ends when its client has gone", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  appendSteps(storage, 0, 900);
  await moveOn(setup, 900);
  const pace = {
    ...NEVER_PAUSE,
    isDue: () => true,
    pause: () => Promise.reject(new Error("nobody waits")),
  };
  const range = rangeOf(0, 900);
  await assert.rejects(storage.querier.series([], range, pace), /nobody waits/);
  await assert.rejects(storage.querier.labelNames([], range, pace), /nobody waits/);
  await assert.rejects(storage.querier.labelValues("job", [], range, pace), /nobody waits/);
  assert.equal((await storage.querier.series([], range)).length, 9);
  await storage.stop();
});

test("a matcher is satisfied by a label of the series although the target has another value", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  const own = { __name__: "a", instance: "elsewhere" };
  const layout = storage.internLayout([Labels.of(own), Labels.of({ __name__: "b" })]);
  for (let step = 0; step < 900; step++) {
    for (const [index, address] of ADDRESSES.entries()) {
      const timestampMs = START_MS + step * STEP_MS;
      const table = storage.openTable(host(address));
      table.append(timestampMs, layout, Float64Array.of(step + index, step));
    }
  }
  await moveOn(setup, 900);
  const found = async (instance: string): Promise<string[]> => {
    const matchers = [createLabelMatcher("instance", "=", instance)];
    return Object.keys(describe(await storage.querier.select(matchers, rangeOf(0, 900)))).sort();
  };
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await found("elsewhere"), ['a{instance="elsewhere", job="pi"}']);
    assert.deepEqual(await found("10.0.0.8:8732"), ['b{instance="10.0.0.8:8732", job="pi"}']);
    assert.deepEqual(await found("nowhere"), []);
  }
  await storage.stop();
});

test("decoded columns never take more than the limit, and a query that does not fit gets all samples", async () => {
  const limit = 200_000;
  const setup = await openStorage(undefined, undefined, { queryCacheBytes: limit });
  const { storage } = setup;
  appendSteps(storage, 0, 1200);
  await moveOn(setup, 1200);
  for (const [name, from] of [
    ["a", 0],
    ["b", 600],
    ["c", 900],
    ["a", 1100],
    ["c", 0],
  ] as const) {
    const answer = await selectName(storage, name, rangeOf(from, 1200));
    assert.deepEqual(
      Object.values(answer).map(({ length }) => length),
      [1200 - from, 1200 - from, 1200 - from],
    );
    assert.ok(metric(storage, "query_cache_bytes") <= limit);
  }
  await storage.stop();
});

test("a query that is cancelled while it reads ends at once, and the next one gets the whole answer", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  appendSteps(storage, 0, 900);
  await moveOn(setup, 900);
  let canceled = 0;
  for (let pauses = 0; pauses < 40; pauses++) {
    let left = pauses;
    const pace = {
      isDue: () => true,
      hold: () => undefined,
      pause: async () => {
        if (left-- === 0) throw new Error("canceled");
      },
    };
    const asked = storage.querier.select(
      [createLabelMatcher("__name__", "=", "c")],
      rangeOf(10, 900),
      pace,
    );
    await asked.catch((error: Error) => {
      assert.equal(error.message, "canceled");
      canceled++;
    });
  }
  assert.ok(canceled > 2, `${canceled} queries were canceled`);
  const answer = await selectName(storage, "c", rangeOf(10, 900));
  assert.deepEqual(
    Object.values(answer).map(({ length }) => length),
    [890, 890, 890],
  );
  await storage.stop();
});

test("deleting a host removes its samples from the cache", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  appendSteps(storage, 0, 900);
  await moveOn(setup, 900);
  await selectName(storage, "a", rangeOf(0, 900));
  await storage.deleteHost("hosts/10.0.0.8");
  appendRow(storage, host("10.0.0.8"), START_MS + 900 * STEP_MS, { a: 1 });
  const answer = await selectName(storage, "a", rangeOf(0, 901));
  assert.deepEqual(answer['a{instance="10.0.0.8:8732", job="pi"}'], [`${900 * 15}:1`]);
  await storage.stop();
});

for (const seed of [1, 4, 9, 13, 21]) {
  test(`a storage with a cache answers random queries like one without a cache: seed ${seed}`, async () => {
    const random = new Random(seed);
    const settings = { blockDurationMs: 600_000, maxBlockDurationMs: 3_600_000 };
    const kept = await openStorage(undefined, undefined, { ...settings, queryCacheBytes: 60_000 });
    const plain = await openStorage(undefined, undefined, { ...settings, queryCacheBytes: 0 });
    const both = [kept, plain];
    const valueAt = (step: number): Value =>
      random.chance(0.02) ? STALE : random.chance(0.02) ? ABSENT : step;
    for (let step = 0; step < 700; step++) {
      for (const address of ADDRESSES) {
        if (random.chance(0.05)) continue;
        const row: Record<string, Value> = { a: valueAt(step), b: 5 };
        if (random.chance(0.9)) row["c"] = valueAt(step * 0.25);
        if (step > 300 && step < 400) row["d"] = 1;
        const late = random.chance(0.01) ? random.below(200) * STEP_MS + 7 : 0;
        const timestampMs = START_MS + step * STEP_MS - late;
        for (const { storage } of both) appendRow(storage, host(address), timestampMs, row);
      }
      if (step % 25 === 24) for (const each of both) await moveOn(each, step + 60);
      if (!random.chance(0.2)) continue;
      const until = random.chance(0.7) ? step + 1 : random.below(step + 1);
      const range = rangeOf(until - random.pick([5, 40, 300, 800]), until);
      const name = random.pick(["a", "b", "c", "d", ""]);
      const matchers = name === "" ? [] : [createLabelMatcher("__name__", "=", name)];
      const [answer, expected] = await Promise.all(
        both.map(({ storage }) => storage.querier.select(matchers, range)),
      );
      assert.deepEqual(filled(describe(answer ?? [])), filled(describe(expected ?? [])));
    }
    assert.deepEqual(filled(await selectAll(kept.storage)), filled(await selectAll(plain.storage)));
    for (const { storage } of both) await storage.stop();
  });
}

/** Without series that have no samples, which an answer may have or not. */
function filled(answer: Readonly<Record<string, string[]>>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([, samples]) => samples.length > 0)
      .sort(),
  );
}
