import assert from "node:assert/strict";
import { test } from "node:test";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { ScrapeSettings } from "../../../scraper/fleet/target.js";
import { createFixture, inTurn, INTERVAL_MS, settings, target } from "./scrape-fixture.js";
import { showSamples, type MemorySampleWriter } from "./memory-sample-writer.js";

async function scrape(
  bodies: readonly string[],
  changes: Partial<ScrapeSettings> = {},
): Promise<{
  readonly writer: MemorySampleWriter;
  readonly error: string;
  readonly metrics: ReadonlyMap<string, number>;
}> {
  const { clock, manager, writer, outcomes } = createFixture({ answer: inTurn(...bodies) });
  manager.sync([target("10.0.0.7", settings(changes))]);
  await clock.advance(bodies.length * INTERVAL_MS);
  const metrics = new Map(
    manager
      .readMetrics()
      .map(({ metric, labels, value }) => [
        `${metric.name} ${labels["limit"] ?? ""}`.trim(),
        value,
      ]),
  );
  await manager.stop();
  return { writer, error: outcomes.at(-1)?.error ?? "", metrics };
}

/** Rows of the target's own table, and of the one for series without the target's labels. */
const shown = (writer: MemorySampleWriter): string[][][] =>
  [...writer.tables.values()].map(({ rows }) =>
    rows.map((row) => showSamples(row).filter((line) => !line.startsWith("up "))),
  );

const dropLabel =
  (name: string) =>
  (labels: Labels): Labels =>
    labels.without(name);
const dropMetric =
  (metric: string) =>
  (labels: Labels): Labels | undefined =>
    labels.name === metric ? undefined : labels;

for (const { name, body, changes = {}, tables } of [
  {
    name: "a label the target has too is renamed",
    body: 'a{instance="x",job="y",z="1"} 1\n',
    tables: [[['a{exported_instance="x", exported_job="y", z="1"} 1']]],
  },
  {
    name: "a name that is taken gets one more prefix",
    body: 'a{instance="x",exported_instance="y"} 1\n',
    tables: [[['a{exported_exported_instance="x", exported_instance="y"} 1']]],
  },
  {
    name: "an empty label in conflict is as if it were not there",
    body: 'a{instance=""} 1\n',
    tables: [[["a 1"]]],
  },
  {
    name: "with honor_labels the body's label stays",
    body: 'a{instance="x"} 1\n',
    changes: { honorLabels: true },
    tables: [[['a{instance="x"} 1']]],
  },
  {
    name: "with honor_labels a label equal to the target's is not said twice, so the line is a duplicate",
    body: 'a{instance="10.0.0.7:8732"} 1\na 2\n',
    changes: { honorLabels: true },
    tables: [[["a 1"]]],
  },
  {
    name: "with honor_labels an empty label takes the target's away",
    body: 'a{instance=""} 1\nb 2\n',
    changes: { honorLabels: true },
    tables: [[["b 2"]], [['a{job="pi"} 1']]],
  },
  {
    name: "metric relabelling drops a metric",
    body: "a 1\nb 2\nc 3\n",
    changes: { metricRelabeling: dropMetric("b") },
    tables: [[["a 1", "c 3"]]],
  },
  {
    name: "metric relabelling sees the target's labels and changes them for one series",
    body: "a 1\nb 2\n",
    changes: {
      metricRelabeling: (labels: Labels) =>
        labels.name === "a" ? labels.with({ instance: `${labels.get("instance")}/a` }) : labels,
    },
    tables: [[['a{instance="10.0.0.7:8732/a"} 1', "b 2"]]],
  },
  {
    name: "metric relabelling takes a target label away",
    body: "a 1\nb 2\n",
    changes: { metricRelabeling: dropLabel("instance") },
    tables: [[[]], [['a{job="pi"} 1', 'b{job="pi"} 2']]],
  },
  {
    name: "metric relabelling makes two series one: the first is kept",
    body: 'a{x="1"} 1\na{x="2"} 2\nb 3\n',
    changes: { metricRelabeling: dropLabel("x") },
    tables: [[["a 1", "b 3"]]],
  },
]) {
  test(`Labels: ${name}`, async () => {
    const { writer, error } = await scrape([body], changes);
    assert.equal(error, "");
    assert.deepEqual(shown(writer), tables);
  });
}

test("Labels: a series without the target's labels gets its staleness marker, too", async () => {
  const { writer } = await scrape(['a{instance=""} 1\nb 2\n', "b 3\n"], { honorLabels: true });
  assert.deepEqual(shown(writer), [
    [["b 2"], ["b 3"]],
    [['a{job="pi"} 1'], ['a{job="pi"} stale']],
  ]);
});

for (const { name, body, changes, error, limit } of [
  {
    name: "sample_limit",
    body: "a 1\nb 2\nc 3\n",
    changes: { sampleLimit: 2 },
    limit: "sample_limit",
    error: "sample limit exceeded (samples: 3, limit: 2)",
  },
  {
    name: "label_limit counts the metric name and the target's labels",
    body: 'a{x="1"} 1\n',
    changes: { labelLimit: 3 },
    limit: "label_limit",
    error: "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
  },
  {
    name: "label_name_length_limit",
    body: 'a{nineteen_characters="1"} 1\n',
    changes: { labelNameLengthLimit: 18 },
    limit: "label_name_length_limit",
    error:
      "label_name_length_limit exceeded (metric: a, label name: nineteen_characters, length: 19, limit: 18)",
  },
  {
    name: "label_value_length_limit counts bytes",
    body: 'a{x="ääääääääää"} 1\n',
    changes: { labelValueLengthLimit: 19 },
    limit: "label_value_length_limit",
    error:
      'label_value_length_limit exceeded (metric: a, label name: x, value: "ääääääääää", length: 20, limit: 19)',
  },
]) {
  test(`Limits: ${name} fails the whole scrape`, async () => {
    const { writer, error: given, metrics } = await scrape(["a 1\n", body], changes);
    assert.equal(given, error);
    assert.deepEqual(writer.table().rows.map(showSamples), [
      ["up 1", "a 1"],
      ["up 0", "a stale"],
    ]);
    assert.equal(metrics.get(`pihealth_scrape_limit_exceeded_total ${limit}`), 1);
  });
}

test("Limits: samples dropped by relabelling do not count", async () => {
  const { error } = await scrape(["a 1\nb 2\n"], {
    sampleLimit: 1,
    metricRelabeling: dropMetric("b"),
  });
  assert.equal(error, "");
});

test("Reports: samples are counted before and after relabelling, new series once", async () => {
  const { writer } = await scrape(["a 1\nb 2\nc 3\n", "a 1\nb 2\nc 3\n", "a 1\nb 2\nd 3\ne 4\n"], {
    metricRelabeling: dropMetric("b"),
  });
  const reports = writer.table().rows.map(({ values }) => [...values.subarray(2, 5)]);
  assert.deepEqual(reports, [
    [3, 2, 2],
    [3, 2, 0],
    [4, 3, 2],
  ]);
});

test("Duplicates in a body are counted", async () => {
  const { metrics } = await scrape(["a 1\na 2\na 3\n"]);
  assert.equal(metrics.get("pihealth_scrape_duplicate_samples_total"), 2);
});
