import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER_PAUSE } from "../../../scraper/storage/model/querier.js";
import { valueOf } from "../../support/metric-values.js";
import { createFixture, INTERVAL_MS, target } from "./scrape-fixture.js";

const body = (help: string): string =>
  `# HELP a ${help}\n# TYPE a gauge\na 1\n# HELP b Same.\n# TYPE b counter\nb 1\n`;

test("Metadata: the entries of each target, and every distinct entry of all targets", async () => {
  const { clock, manager } = createFixture({
    answer: ({ url }) => body(url.includes("10.0.0.3") ? "New." : "Old."),
  });
  const targets = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((host) => target(host));
  manager.sync(targets);
  assert.deepEqual(manager.targetMetadata(targets[0]?.id ?? ""), []);
  await clock.advance(INTERVAL_MS);
  const old = { metric: "a", type: "gauge", help: "Old.", unit: "" };
  const same = { metric: "b", type: "counter", help: "Same.", unit: "" };
  assert.deepEqual(manager.targetMetadata(targets[0]?.id ?? ""), [old, same]);
  const all = await manager.metadata(NEVER_PAUSE);
  assert.deepEqual(new Set(all.get("a")), new Set([old, { ...old, help: "New." }]));
  assert.deepEqual(all.get("b"), [same]);
  await manager.stop();
});

test("Metadata: units and escaped help of OpenMetrics", async () => {
  const text =
    '# TYPE t_seconds gauge\n# UNIT t_seconds seconds\n# HELP t_seconds A \\"b\\"\\n c\nt_seconds 1\n# EOF\n';
  const headers = { "content-type": "application/openmetrics-text; version=1.0.0" };
  const { clock, manager } = createFixture({
    answer: () => ({ headers, body: Buffer.from(text) }),
  });
  const only = target();
  manager.sync([only]);
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(manager.targetMetadata(only.id), [
    { metric: "t_seconds", type: "gauge", help: 'A "b"\n c', unit: "seconds" },
  ]);
  await manager.stop();
});

test("Metadata: comments after an empty line belong to the sample after them, and a second body costs no new parse", async () => {
  const text =
    "# HELP a_total first\n# TYPE a_total counter\na_total 1\n\n# HELP b Framebuffer memory used (in MiB).\n# TYPE b gauge\nb 1\n\n\nc 1\n";
  const { clock, manager } = createFixture({ answer: () => text });
  const only = target();
  manager.sync([only]);
  await clock.advance(2 * INTERVAL_MS);
  assert.deepEqual(manager.targetMetadata(only.id), [
    { metric: "a_total", type: "counter", help: "first", unit: "" },
    { metric: "b", type: "gauge", help: "Framebuffer memory used (in MiB).", unit: "" },
  ]);
  assert.equal(valueOf(manager, "pihealth_scrape_layout_changes_total"), 1);
  await manager.stop();
});
