import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { MAX_LAYOUT_SERIES } from "../../../scraper/storage/model/layout-registry.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import { ALWAYS, host, metric, openStorage, START_MS } from "./storage-fixture.js";
import { assertEvery } from "../../support/assert-every.js";

const PI = host("10.0.0.7");

test("a target that sends its series in another order at each scrape leaves few layouts in memory", async () => {
  const { storage, clock } = await openStorage();
  const table = storage.openTable(PI);
  let most = 0;
  for (let row = 0; row < 3000; row++) {
    const order = Array.from({ length: 7 }, (_, index) => (index * ((row % 6) + 1) + row) % 7);
    const names = order.map((number) => Labels.of({ __name__: `s${number}` }));
    const layout = storage.internLayout([...names, Labels.of({ __name__: `t${row}` })]);
    table.append(START_MS + row * 15_000, layout, Float64Array.from([...order, row]));
    await clock.advance(15_000);
    if (row % 20 !== 19) continue;
    await storage.commit();
    await storage.maintainJournal();
    await storage.maintainBlocks();
    most = Math.max(most, metric(storage, "layouts"));
  }
  assert.ok(most < 2000, `${most} layouts`);
  const [found] = await storage.querier.select([createLabelMatcher("__name__", "=", "s3")], ALWAYS);
  assert.equal(found?.timestamps.length, 3000);
  assert.deepEqual([...new Set(found.series[0]?.values)], [3]);
});

test("one target may have 100,000 series, also after a restart, and a layout above the limit is refused", async () => {
  const { storage, files } = await openStorage();
  const series = Array.from({ length: 100_000 }, (_, number) =>
    Labels.of({ __name__: "many", number: String(number) }),
  );
  const layout = storage.internLayout(series);
  const values = Float64Array.from(series, (_, number) => number);
  for (let row = 0; row < 3; row++)
    storage.openTable(PI).append(START_MS + row * 15_000, layout, values);
  await storage.commit();
  const again = await openStorage(files.afterPowerCut());
  const [found] = await again.storage.querier.select(
    [createLabelMatcher("number", "=", "99999")],
    ALWAYS,
  );
  assert.deepEqual([...(found?.series[0]?.values ?? [])], [99_999, 99_999, 99_999]);
  const tooMany = Array<Labels>(MAX_LAYOUT_SERIES + 1).fill(Labels.EMPTY);
  assert.throws(() => storage.internLayout(tooMany), { code: "bad_input" });
});

test("a start after a crash finds a million series and every row of them", async () => {
  const { storage, files } = await openStorage();
  const [hosts, seriesPerHost, rows] = [2000, 500, 2];
  const layout = storage.internLayout(
    Array.from({ length: seriesPerHost }, (_, number) => Labels.of({ __name__: `m${number}` })),
  );
  const values = new Float64Array(seriesPerHost);
  for (let row = 0; row < rows; row++) {
    for (let number = 0; number < hosts; number++) {
      values.forEach((_, column) => (values[column] = number + row * (column % 3)));
      const table = storage.openTable(host(`10.0.${number >> 8}.${number & 255}`));
      table.append(START_MS + row * 15_000, layout, values);
    }
    await storage.commit();
  }
  const again = (await openStorage(files.afterPowerCut())).storage;
  assert.equal(metric(again, "head_series"), hosts * seriesPerHost);
  const found = await again.querier.select([createLabelMatcher("__name__", "=", "m2")], ALWAYS);
  assert.equal(found.length, hosts);
  const sums = found.map(({ series }) => (series[0]?.values[1] ?? 0) - (series[0]?.values[0] ?? 0));
  assertEvery(sums, (difference) => difference === 2);
});
