import assert from "node:assert/strict";
import { test } from "node:test";
import { createFixture, INTERVAL_MS, target } from "./scrape-fixture.js";
import { MemoryTable } from "./memory-sample-writer.js";
import { valueOf } from "../../support/metric-values.js";

const REPORTS = 5;

for (const { name, taken, metric } of [
  { name: "late", taken: "late", metric: "pihealth_scrape_out_of_order_samples_total" },
  {
    name: "beyond the retention",
    taken: "too_old",
    metric: "pihealth_scrape_out_of_bounds_samples_total",
  },
] as const) {
  test(`samples that the storage calls ${name} are counted, and the result of the scrape says so`, async () => {
    const { clock, writer, manager, outcomes } = createFixture({ answer: () => "a 1\nb 2\n" });
    writer.openTable = (key) => Object.assign(new MemoryTable(key), { append: () => taken });
    manager.sync([target()]);
    await clock.advance(2 * INTERVAL_MS);
    assert.deepEqual(new Set(outcomes.map((outcome) => outcome.taken)), new Set([taken]));
    assert.equal(valueOf(manager, metric), outcomes.length * (REPORTS + 2));
    await manager.stop();
  });
}
