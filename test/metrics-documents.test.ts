import assert from "node:assert/strict";
import { test } from "node:test";
import { counter, gauge } from "../exporter/shared/model/metric.js";
import {
  METRICS_DOCUMENTS,
  renderMetricsDocument,
  storedMetricsDocument,
} from "./support/metrics-document.js";

for (const document of METRICS_DOCUMENTS) {
  const { file, sections } = document;
  const metrics = sections.flatMap((section) => section.metrics);

  test(`${file} agrees with the definitions; npm run docs writes it`, () => {
    assert.equal(storedMetricsDocument(document), renderMetricsDocument(document));
  });

  test(`${file}: metrics have the namespace, a help text, and a name that fits their type`, () => {
    for (const { name, type, help } of metrics) {
      assert.match(name, /^pihealth_[a-z0-9_]+$/);
      assert.match(help, /^[A-Z0-9][^\n]*[^.]\.$/, name);
      assert.equal(name.endsWith("_total"), type === "counter", name);
    }
  });

  test(`${file}: metrics of one name have one type and one set of labels, also without _total`, () => {
    const known = new Map<string, string>();
    for (const { name, type, labels } of metrics) {
      const family = name.replace(/_total$/, "");
      const shape = `${name} ${type} ${labels.join()}`;
      assert.equal(known.get(family) ?? shape, shape);
      known.set(family, shape);
    }
  });
}

test("a metric is a row with type, labels and help; a second section does not repeat the help", () => {
  const free = gauge({ name: "a_bytes", help: "Bytes | free.", labels: ["disk", "mode"] });
  const text = renderMetricsDocument({
    file: "docs/example.md",
    title: "Metrics of an example",
    introduction: "",
    sections: [
      { title: "One", metrics: [free] },
      { title: "Two", metrics: [free, counter({ name: "b_total", help: "Bs." })] },
    ],
  });
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  assert.deepEqual(rows, [
    "| `a_bytes` | gauge | `disk`, `mode` | Bytes \\| free. |",
    "| `a_bytes` | gauge | `disk`, `mode` | As above. |",
    "| `b_total` | counter |  | Bs. |",
  ]);
});
