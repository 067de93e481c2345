import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER_PAUSE } from "../../../scraper/storage/model/querier.js";
import { valueOf } from "../../support/metric-values.js";
import { createFixture, INTERVAL_MS, settings, target } from "./scrape-fixture.js";

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

/** Measured beside Prometheus 3.5.3. */
for (const { name, bodies, found, changes } of [
  {
    name: "a first body with a fault",
    bodies: [
      "# HELP a First.\n# TYPE a gauge\na 1\n# HELP b Second.\nb 2\nc three\n# TYPE d gauge\nd 1\n",
    ],
    found: ["a gauge First.", "b  Second."],
  },
  {
    name: "a later body with a fault",
    bodies: [
      "# HELP a First.\n# TYPE a gauge\na 1\n# HELP z Zed.\nz 1\n",
      "# HELP a Changed.\n# TYPE a counter\na 1\n# HELP y New.\ny 1\nc three\n",
    ],
    found: ["a counter Changed.", "y  New.", "z  Zed."],
  },
  {
    name: "too many samples",
    bodies: ["# HELP a First.\na 1\n# HELP b Second.\nb 2\n# HELP e Third.\ne 1\n"],
    found: ["a  First.", "b  Second.", "e  Third."],
    changes: { sampleLimit: 1 },
  },
  {
    name: "a good body after one with a fault",
    bodies: ["# HELP a First.\na 1\nc three\n", "# HELP b Second.\nb 1\n"],
    found: ["b  Second."],
  },
])
  test(`Metadata of a failed scrape stays as in Prometheus: ${name}`, async () => {
    let scrape = 0;
    const { clock, manager } = createFixture({ answer: () => bodies[scrape++] ?? "" });
    const only = target("10.0.0.7", settings(changes));
    manager.sync([only]);
    await clock.advance(bodies.length * INTERVAL_MS);
    const texts = manager
      .targetMetadata(only.id)
      .map(({ metric, type, help }) => `${metric} ${type} ${help}`);
    assert.deepEqual(texts.sort(), found);
    const all = await manager.metadata(NEVER_PAUSE);
    assert.deepEqual(
      [...all.keys()].sort(),
      found.map((text) => text.slice(0, 1)),
    );
    await manager.stop();
  });
