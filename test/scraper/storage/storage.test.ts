import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import {
  ABSENT,
  ALWAYS,
  appendRow,
  describe,
  host,
  metric,
  openStorage,
  selectAll,
  selectName,
  STALE,
  START_MS,
  type Value,
} from "./storage-fixture.js";
import { assertEvery } from "../../support/assert-every.js";

const PI = host("10.0.0.7");
const at = (seconds: number): number => START_MS + seconds * 1000;
const named = (name: string, instance = "10.0.0.7"): string =>
  `${name}{instance="${instance}:8732", job="pi"}`;

test("a row is visible to queries at once, with the labels of its target", async () => {
  const { storage } = await openStorage();
  assert.equal(appendRow(storage, PI, at(0), { up: 1, load: 0.25 }), "appended");
  assert.deepEqual(await selectAll(storage), {
    [named("up")]: ["0:1"],
    [named("load")]: ["0:0.25"],
  });
});

test("a label of a layout wins over the target's label of the same name, also in matchers", async () => {
  const { storage } = await openStorage();
  const layout = storage.internLayout([
    Labels.of({ __name__: "a", job: "own" }),
    Labels.of({ __name__: "b" }),
  ]);
  storage.openTable(PI).append(at(0), layout, Float64Array.of(1, 2));
  const select = async (operator: "=" | "!=", job: string): Promise<string[]> =>
    Object.keys(
      describe(await storage.querier.select([createLabelMatcher("job", operator, job)], ALWAYS)),
    );
  assert.deepEqual(await select("=", "own"), ['a{instance="10.0.0.7:8732", job="own"}']);
  assert.deepEqual(await select("=", "pi"), ['b{instance="10.0.0.7:8732", job="pi"}']);
  assert.deepEqual(await select("!=", "pi"), ['a{instance="10.0.0.7:8732", job="own"}']);
});

test("series come and go with the layout", async () => {
  const { storage } = await openStorage();
  appendRow(storage, PI, at(0), { a: 1, b: 2 });
  appendRow(storage, PI, at(15), { b: 3, c: 4 });
  appendRow(storage, PI, at(30), { c: 5, a: 6 });
  assert.deepEqual(await selectAll(storage), {
    [named("a")]: ["0:1", "30:6"],
    [named("b")]: ["0:2", "15:3"],
    [named("c")]: ["15:4", "30:5"],
  });
});

test("a late row adds missing samples, and of two samples at one instant the first one written stays", async () => {
  const { storage } = await openStorage();
  appendRow(storage, PI, at(0), { a: 1, b: ABSENT });
  appendRow(storage, PI, at(30), { a: 3, b: 3 });
  assert.equal(appendRow(storage, PI, at(15), { a: 2 }), "late");
  assert.equal(appendRow(storage, PI, at(0), { a: 9, b: 9 }), "late");
  assert.equal(appendRow(storage, PI, at(15), { a: 8, b: 8 }), "late");
  assert.deepEqual(await selectAll(storage), {
    [named("a")]: ["0:1", "15:2", "30:3"],
    [named("b")]: ["0:9", "15:8", "30:3"],
  });
});

test("a label set that two tables have occurs once in an answer", async () => {
  const { storage } = await openStorage();
  const labels = Labels.of({ job: "x" });
  appendRow(storage, { folder: "hosts/a", labels }, at(0), { m: 1, n: 5 });
  appendRow(storage, { folder: "hosts/b", labels }, at(0), { m: 2 });
  appendRow(storage, { folder: "hosts/b", labels }, at(15), { m: 3 });
  assert.deepEqual(await selectAll(storage), {
    'm{job="x"}': ["0:1", "15:3"],
    'n{job="x"}': ["0:5"],
  });
});

test("ranges are half-open", async () => {
  const { storage } = await openStorage();
  for (let row = 0; row < 5; row++) appendRow(storage, PI, at(15 * row), { a: row });
  assert.deepEqual(await selectAll(storage, { fromMs: at(15), untilMs: at(45) }), {
    [named("a")]: ["15:1", "30:2"],
  });
  assert.deepEqual(await selectAll(storage, { fromMs: at(61), untilMs: at(90) }), {});
});

test("rows older than the retention are refused", async () => {
  const { storage } = await openStorage(undefined, undefined, { retentionMs: 3_600_000 });
  assert.equal(appendRow(storage, PI, at(-3601), { a: 1 }), "too_old");
  assert.equal(appendRow(storage, PI, at(-3600), { a: 1 }), "appended");
  assert.equal(metric(storage, "rows_too_old_total"), 1);
});

test("special values come back bit for bit from window, chunk and journal", async () => {
  const { storage, files } = await openStorage();
  const numbers = [-0, NaN, Infinity, -Infinity, 5e-324, 1.7e308, 0.1 + 0.2];
  const expected = new Map(numbers.map((number, index) => [`n${index}`, number]));
  const row: Record<string, Value> = { stale: STALE, ...Object.fromEntries(expected) };
  for (let index = 0; index < 60; index++) appendRow(storage, PI, at(15 * index), row);
  await storage.commit();
  for (const opened of [storage, (await openStorage(files.afterPowerCut())).storage]) {
    const [table] = await opened.querier.select([], ALWAYS);
    assert.equal(table?.timestamps.length, 60);
    for (const { labels, values } of table?.series ?? []) {
      for (const value of values) assert.ok(Object.is(value, expected.get(labels.name) ?? NaN));
    }
    const [stale = []] = Object.values(await selectName(opened, "stale"));
    assertEvery(stale, (sample) => sample.endsWith("stale"));
  }
});

test("committed rows survive a power cut, whatever their number", async () => {
  for (const rows of [1, 2, 23, 24, 25, 47, 48, 49, 72, 200]) {
    const { storage, files } = await openStorage();
    for (let row = 0; row < rows; row++)
      appendRow(storage, PI, at(15 * row), { a: row, b: row % 3, c: 7 });
    await storage.commit();
    appendRow(storage, PI, at(15 * rows), { a: -1, b: -1, c: -1 });
    const before = await selectAll(storage, { fromMs: 0, untilMs: at(15 * rows) });
    const again = await openStorage(files.afterPowerCut());
    assert.deepEqual(await selectAll(again.storage), before, `${rows} rows`);
    assert.equal(appendRow(again.storage, PI, at(15 * rows), { a: 1, b: 1, c: 1 }), "appended");
    assert.equal(appendRow(again.storage, PI, at(15 * rows - 15), { a: 1, b: 1, c: 1 }), "late");
  }
});

test("after many restarts nothing is lost and nothing appears twice", async () => {
  let files = (await openStorage()).files;
  for (let run = 0; run < 12; run++) {
    const { storage } = await openStorage(files);
    for (let row = 0; row < 9; row++) {
      appendRow(storage, PI, at(run * 1000 + row * 15), { a: run, [`only${run}`]: row });
      if (row > 3) appendRow(storage, PI, at(run * 1000 + row * 15 - 7), { a: row });
    }
    await storage.commit();
    files = files.afterPowerCut();
  }
  const { storage } = await openStorage(files);
  const answer = await selectAll(storage);
  assert.equal(answer[named("a")]?.length, 12 * 14);
  assert.equal(new Set(answer[named("a")]).size, 12 * 14);
  for (let run = 0; run < 12; run++) assert.equal(answer[named(`only${run}`)]?.length, 9);
});

test("a target whose layout changes at each scrape loses no sample, also after a restart", async () => {
  const { storage, files } = await openStorage();
  for (let row = 0; row < 300; row++)
    appendRow(storage, PI, at(15 * row), { a: row, [`pid${row}`]: 1, [`pid${row + 1}`]: 2 });
  await storage.commit();
  const check = async (opened: typeof storage): Promise<void> => {
    const answer = await selectAll(opened);
    assert.equal(answer[named("a")]?.length, 300);
    assert.deepEqual(answer[named("pid150")], ["2235:2", "2250:1"]);
    assert.equal(Object.keys(answer).length, 302);
  };
  await check(storage);
  await check((await openStorage(files.afterPowerCut())).storage);
});

test("while the disk is full rows are taken and answered from memory, and they become durable when there is room", async () => {
  const { storage, files, clock } = await openStorage();
  storage.start();
  appendRow(storage, PI, at(0), { a: 0 });
  await clock.advance(5000);
  files.roomBytes = 10;
  for (let row = 1; row < 100; row++) {
    appendRow(storage, PI, at(15 * row), { a: row });
    await clock.advance(15_000);
  }
  assert.equal(metric(storage, "write_failing"), 1);
  assert.equal((await selectAll(storage))[named("a")]?.length, 100);
  assert.equal(
    (await selectAll((await openStorage(files.afterPowerCut())).storage))[named("a")]?.length,
    1,
  );
  files.roomBytes = 1e9;
  await clock.advance(5000);
  assert.equal(metric(storage, "write_failing"), 0);
  assert.equal(
    (await selectAll((await openStorage(files.afterPowerCut())).storage))[named("a")]?.length,
    100,
  );
  await storage.stop();
});

test("with a read-only disk the start succeeds and queries return the stored samples", async () => {
  const { storage, files } = await openStorage();
  appendRow(storage, PI, at(0), { a: 1 });
  await storage.commit();
  const after = files.afterPowerCut(100);
  after.fault = (operation) => (operation === "read" || operation === "list" ? undefined : "EROFS");
  const again = await openStorage(after);
  appendRow(again.storage, PI, at(15), { a: 2 });
  await assert.rejects(again.storage.commit(), { code: "EROFS" });
  assert.deepEqual(await selectAll(again.storage), { [named("a")]: ["0:1", "15:2"] });
});

test("rows survive clock steps of an hour back, ten years forward and back again", async () => {
  const { storage, files } = await openStorage();
  const year = 31_536_000;
  const seconds = [0, 15, 30, -3600, -3585, 10 * year, 10 * year + 15, 45, 60, -3570];
  seconds.forEach((second, index) => appendRow(storage, PI, at(second), { a: index }));
  await storage.commit();
  for (const opened of [storage, (await openStorage(files.afterPowerCut())).storage]) {
    const samples = (await selectAll(opened))[named("a")] ?? [];
    assert.equal(samples.length, seconds.length);
    assert.deepEqual(samples.slice(0, 3), ["-3600:3", "-3585:4", "-3570:9"]);
  }
});

test("journal segments are removed once their rows are sealed, also when a target has gone silent", async () => {
  const { storage, files, clock } = await openStorage();
  storage.start();
  appendRow(storage, host("10.0.0.9"), at(0), { a: 1 });
  for (let row = 0; row < 400; row++) {
    appendRow(storage, PI, at(15 * row), { a: row, b: Math.sin(row) });
    await clock.advance(15_000);
  }
  const segments = files.paths().filter((name) => /journal-\d+$/.test(name));
  assert.ok(segments.length <= 8, segments.join());
  const before = await selectAll(storage);
  await storage.commit();
  const again = await openStorage(files.afterPowerCut());
  assert.deepEqual(await selectAll(again.storage), before);
  await storage.stop();
});

test("names, values and series are found by matchers, including those on target labels", async () => {
  const { storage } = await openStorage();
  appendRow(storage, PI, at(0), { a: 1, b: 1 });
  appendRow(storage, host("10.0.0.8"), at(0), { b: 1, c: 1 });
  const onEight = [[createLabelMatcher("instance", "=~", "10.0.0.8.*")]];
  assert.deepEqual(await storage.querier.labelNames([], ALWAYS), ["__name__", "instance", "job"]);
  assert.deepEqual(await storage.querier.labelValues("__name__", [], ALWAYS), ["a", "b", "c"]);
  assert.deepEqual(await storage.querier.labelValues("__name__", onEight, ALWAYS), ["b", "c"]);
  assert.deepEqual(await storage.querier.labelValues("instance", [], ALWAYS), [
    "10.0.0.7:8732",
    "10.0.0.8:8732",
  ]);
  assert.deepEqual(
    (await storage.querier.series([[createLabelMatcher("__name__", "=", "b")], ...onEight], ALWAYS))
      .map(String)
      .sort(),
    [named("b"), named("b", "10.0.0.8"), named("c", "10.0.0.8")],
  );
  assert.deepEqual(await storage.querier.series([], { fromMs: 0, untilMs: at(0) }), []);
});

test("a deleted host is gone, also after a restart, and may come back", async () => {
  const { storage, files } = await openStorage();
  for (let row = 0; row < 60; row++) appendRow(storage, PI, at(15 * row), { a: row });
  appendRow(storage, host("10.0.0.8"), at(0), { a: 1 });
  await storage.deleteHost(PI.folder);
  assert.deepEqual(Object.keys(await selectAll(storage)), [named("a", "10.0.0.8")]);
  appendRow(storage, PI, at(2000), { a: 5 });
  await storage.commit();
  const again = await openStorage(files.afterPowerCut());
  assert.deepEqual((await selectAll(again.storage))[named("a")], ["2000:5"]);
});

test("a second process is refused by the id of the first, and the lock of a crashed process is ignored", async () => {
  const { files } = await openStorage();
  const stat = (startTicks: number): string =>
    `${process.pid} (node (x)) S ${"0 ".repeat(18)}${startTicks} 0 0`;
  files.put(`/proc/${process.pid}/stat`, stat(111));
  const first = await openStorage(files);
  await assert.rejects(openStorage(files), {
    code: "folder_locked",
    message: new RegExp(`process ${process.pid} `),
  });
  files.put(`/proc/${process.pid}/stat`, stat(222));
  const second = await openStorage(files);
  await second.storage.stop();
  await first.storage.stop();
  assert.equal((await openStorage(files)).storage instanceof Object, true);
});

for (const { name, key } of [
  { name: "outside the data folder", key: "../etc" },
  { name: "absolute", key: "/etc" },
  { name: "hidden", key: "hosts/.git" },
  { name: "empty", key: "" },
]) {
  test(`a table folder that is not a plain relative path is refused: ${name}`, async () => {
    const { storage } = await openStorage();
    assert.throws(() => storage.openTable({ folder: key, labels: Labels.EMPTY }), {
      code: "bad_input",
    });
  });
}

test("a series that appears after others have come and gone keeps its name", async () => {
  const { storage } = await openStorage();
  const key = host("10.0.0.1");
  const rows: readonly Readonly<Record<string, Value>>[] = [
    { a: 1, b: 1 },
    { a: 2, b: 2, c: 2 },
    { a: 3, b: 3 },
    { a: 4, b: 4, d: 4 },
    { a: 5, b: 5, d: 5, e: 5 },
  ];
  for (const [index, row] of rows.entries()) appendRow(storage, key, START_MS + index * 1000, row);
  const labels = `{instance="10.0.0.1:8732", job="pi"}`;
  assert.deepEqual(await selectAll(storage), {
    [`a${labels}`]: ["0:1", "1:2", "2:3", "3:4", "4:5"],
    [`b${labels}`]: ["0:1", "1:2", "2:3", "3:4", "4:5"],
    [`c${labels}`]: ["1:2"],
    [`d${labels}`]: ["3:4", "4:5"],
    [`e${labels}`]: ["4:5"],
  });
});
