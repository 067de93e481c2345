import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { renderMetricsDocument } from "../../../exporter/exposition/metrics-document.js";
import { metricsCatalogue } from "../../../exporter/app/metrics-catalogue.js";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../exporter/collectors/collector-settings.js";
import { counter, gauge } from "../../../exporter/shared/model/metric.js";
import { realFiles } from "../../../exporter/shared/platform/files.js";
import { createSources } from "../../../exporter/sources/sources.js";
import { FakeClock } from "../../support/fake-clock.js";
import { currentMetricsDocument, METRICS_DOCUMENT } from "../../support/metrics-document.js";

const catalogue = metricsCatalogue(
  createSources({ clock: new FakeClock(), files: realFiles }),
  DEFAULT_COLLECTOR_SETTINGS,
);
const metrics = catalogue.flatMap((section) => section.metrics);

test("docs/metrics.md is what the definitions say (write it anew: node dist/test/support/metrics-document.js)", () => {
  assert.equal(readFileSync(METRICS_DOCUMENT, "utf8"), currentMetricsDocument());
});

test("a metric is a row with type, labels and help; offered again, it is not described again", () => {
  const free = gauge({ name: "a_bytes", help: "Bytes | free.", labels: ["disk", "mode"] });
  const text = renderMetricsDocument([
    { title: "One", metrics: [free] },
    { title: "Two", metrics: [free, counter({ name: "b_total", help: "Bs." })] },
  ]);
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  assert.deepEqual(rows, [
    "| `a_bytes` | gauge | `disk`, `mode` | Bytes \\| free. |",
    "| `a_bytes` | gauge | `disk`, `mode` | As above. |",
    "| `b_total` | counter |  | Bs. |",
  ]);
});

test("metrics have the namespace, a help text, and a name that fits their type", () => {
  for (const { name, type, help } of metrics) {
    assert.match(name, /^pihealth_[a-z0-9_]+$/);
    assert.match(help, /\.$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
  }
});

test("metrics of one name are one and the same definition in type and labels, also without _total", () => {
  const known = new Map<string, string>();
  for (const { name, type, labels } of metrics) {
    const family = name.replace(/_total$/, "");
    const shape = `${name} ${type} ${labels.join()}`;
    assert.equal(known.get(family) ?? shape, shape);
    known.set(family, shape);
  }
});
