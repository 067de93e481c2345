import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { StampedSamples } from "../../../scraper/storage/model/sample-writer.js";
import type { Storage } from "../../../scraper/storage/storage.js";
import {
  type Answer,
  appendRow,
  host,
  metric,
  openStorage,
  selectAll,
  selectName,
  type Setup,
  STALE,
  START_MS,
  type Value,
  column,
} from "./storage-fixture.js";

const PI = host("10.0.0.7");
const SERIES = 16;
const STEP_MS = 15_000;
const MINUTE_MS = 60_000;

const nameOf = (series: number): string => `m${String(series).padStart(3, "0")}`;

/** Each series has an offset of its own, and misses every 13th sample. */
const offsetMs = (series: number): number => (series * 373) % STEP_MS;
const isThere = (series: number, step: number): boolean => (series + step) % 13 !== 0;
const valueAt = (series: number, step: number): number => series * 1000 + step * (series % 3);

function batchAt(storage: Storage, step: number): StampedSamples {
  const layout = storage.internLayout(
    Array.from({ length: SERIES }, (_, series) => Labels.of({ __name__: nameOf(series) })),
  );
  const present = layout.series
    .map((_, series) => series)
    .filter((series) => isThere(series, step));
  return {
    layout,
    columns: Uint32Array.from(present),
    timestamps: Float64Array.from(
      present,
      (series) => START_MS + step * STEP_MS + offsetMs(series),
    ),
    values: Float64Array.from(present, (series) => valueAt(series, step)),
  };
}

function expected(steps: number): Answer {
  const answer: Answer = {};
  for (let series = 0; series < SERIES; series++) {
    const labels = `${nameOf(series)}{instance="10.0.0.7:8732", job="pi"}`;
    answer[labels] = Array.from({ length: steps }, (_, step) => step)
      .filter((step) => isThere(series, step))
      .map((step) => `${(step * STEP_MS + offsetMs(series)) / 1000}:${valueAt(series, step)}`);
  }
  return answer;
}

/** Appends scrapes and runs the maintenance of the storage, without its timers. */
async function run({ storage, clock }: Setup, from: number, until: number): Promise<void> {
  for (let step = from; step < until; step++) {
    assert.equal(storage.openTable(PI).appendStamped(batchAt(storage, step)), 0);
    await clock.advance(STEP_MS);
    if (step % 20 !== 0) continue;
    await storage.commit();
    await storage.maintainJournal();
    await storage.maintainBlocks();
  }
  await storage.commit();
}

const blockPaths = ({ files }: Setup): string[] =>
  files.paths().filter((name) => name.endsWith(".block"));

test("series with timestamps of their own are answered from window, chunks and blocks, also after a power cut", async () => {
  const setup = await openStorage();
  await run(setup, 0, 10);
  assert.deepEqual(await selectAll(setup.storage), expected(10));
  await run(setup, 10, 2000);
  assert.ok(blockPaths(setup).length > 0);
  assert.deepEqual(await selectAll(setup.storage), expected(2000));
  assert.equal(metric(setup.storage, "rows_late_total"), 0);
  const again = await openStorage(setup.files.afterPowerCut(), setup.clock);
  assert.deepEqual(await selectAll(again.storage), expected(2000));
  await run({ ...again, clock: setup.clock }, 2000, 2100);
  assert.deepEqual(await selectAll(again.storage), expected(2100));
});

test("blocks of stamped samples are merged, and hold each sample once", async () => {
  const setup = await openStorage();
  await run(setup, 0, 5760);
  assert.ok(metric(setup.storage, "compactions_total") >= 1);
  assert.deepEqual(await selectAll(setup.storage), expected(5760));
});

test("a range of time reads the samples in it", async () => {
  const setup = await openStorage();
  await run(setup, 0, 1500);
  const name = nameOf(5);
  const all = expected(1500)[`${name}{instance="10.0.0.7:8732", job="pi"}`] ?? [];
  for (const [fromMin, untilMin] of [
    [0, 1],
    [30, 90],
    [200, 374],
    [374, 380],
  ] as const) {
    const range = {
      fromMs: START_MS + fromMin * MINUTE_MS,
      untilMs: START_MS + untilMin * MINUTE_MS,
    };
    const wanted = all.filter((sample) => {
      const seconds = Number(sample.split(":")[0]);
      return seconds >= fromMin * 60 && seconds < untilMin * 60;
    });
    const found = await selectName(setup.storage, name, range);
    assert.deepEqual(Object.values(found), wanted.length === 0 ? [] : [wanted], `${fromMin}`);
  }
});

test("of two samples of a series at one instant the first one stays, in any order and across restarts", async () => {
  const setup = await openStorage();
  const append = (storage: Storage, samples: readonly (readonly [number, number])[]): void => {
    const layout = storage.internLayout([Labels.of({ __name__: "a" })]);
    storage.openTable(PI).appendStamped({
      layout,
      columns: new Uint32Array(samples.length),
      timestamps: Float64Array.from(samples, ([seconds]) => START_MS + seconds * 1000),
      values: Float64Array.from(samples, ([, value]) => value),
    });
  };
  append(setup.storage, [
    [30, 1],
    [10, 2],
    [30, 9],
  ]);
  append(setup.storage, [
    [10, 9],
    [20, 3],
  ]);
  const answer = { 'a{instance="10.0.0.7:8732", job="pi"}': ["10:2", "20:3", "30:1"] };
  assert.deepEqual(await selectAll(setup.storage), answer);
  await setup.storage.commit();
  const again = await openStorage(setup.files.afterPowerCut());
  append(again.storage, [[20, 8]]);
  assert.deepEqual(await selectAll(again.storage), answer);
});

test("a series with rows and stamped samples is answered once", async () => {
  const { storage } = await openStorage();
  appendRow(storage, PI, START_MS, { a: 1, b: 2 });
  const layout = storage.internLayout([Labels.of({ __name__: "a" })]);
  storage.openTable(PI).appendStamped({
    layout,
    columns: undefined,
    timestamps: Float64Array.of(START_MS + 5000),
    values: Float64Array.of(7),
  });
  assert.deepEqual(await selectAll(storage), {
    'a{instance="10.0.0.7:8732", job="pi"}': ["0:1", "5:7"],
    'b{instance="10.0.0.7:8732", job="pi"}': ["0:2"],
  });
});

test("special values, a deleted host and samples beyond the retention", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  const values: readonly Value[] = [STALE, NaN, Infinity, -0, 0.1];
  const layout = storage.internLayout(
    values.map((_, index) => Labels.of({ __name__: nameOf(index) })),
  );
  const timestamps = Float64Array.from(values, (_, index) => START_MS + index);
  const samples = { layout, columns: undefined, timestamps, values: column(values) };
  storage.openTable(PI).appendStamped(samples);
  await storage.commit();
  const again = await openStorage(setup.files.afterPowerCut());
  const found = Object.values(await selectAll(again.storage));
  assert.deepEqual(found, [
    ["0:stale"],
    ["0.001:NaN"],
    ["0.002:Infinity"],
    ["0.003:0"],
    ["0.004:0.1"],
  ]);
  const old = { ...samples, timestamps: timestamps.map((ms, index) => (index < 2 ? 0 : ms + 1)) };
  assert.equal(again.storage.openTable(PI).appendStamped(old), 2);
  await again.storage.deleteHost(PI.folder);
  assert.deepEqual(await selectAll(again.storage), {});
  await again.storage.commit();
  assert.deepEqual(await selectAll((await openStorage(again.files.afterPowerCut())).storage), {});
});

test("the bytes of stamped samples grow with the samples, not with series times timestamps", async () => {
  const sizeOf = async (series: number): Promise<number> => {
    const setup = await openStorage();
    const layout = setup.storage.internLayout(
      Array.from({ length: series }, (_, index) => Labels.of({ __name__: nameOf(index) })),
    );
    for (let step = 0; step < 60; step++) {
      setup.storage.openTable(PI).appendStamped({
        layout,
        columns: undefined,
        timestamps: Float64Array.from(
          layout.series,
          (_, index) => START_MS + step * STEP_MS + index,
        ),
        values: Float64Array.from(layout.series, () => step),
      });
      await setup.storage.commit();
    }
    let bytes = 0;
    for (const file of setup.files.paths()) bytes += (await setup.files.readBytes(file)).length;
    const [table] = await setup.storage.querier.select([], { fromMs: 0, untilMs: 8e15 });
    assert.equal(table?.timestamps.length, 60);
    return bytes;
  };
  const [few, many] = [await sizeOf(100), await sizeOf(1000)];
  assert.ok(many < 10.5 * few, `${few} bytes for 100 series, ${many} for 1000`);
  assert.ok(many < 60_000 * 12, `${many} bytes for 60,000 samples`);
});
