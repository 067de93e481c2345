import assert from "node:assert/strict";
import { test } from "node:test";
import { renderOwnMetrics } from "../../../../scraper/api/prometheus/own-metrics.js";

test("own metrics are grouped by name, with help and label values escaped", () => {
  const text = renderOwnMetrics([
    { name: "a_total", help: "Counts\na.", type: "counter", labels: { x: 'q"\\\n' }, value: 1 },
    { name: "b", help: "B.", type: "gauge", value: Number.NaN },
    {
      name: "a_total",
      help: "Counts\na.",
      type: "counter",
      labels: { x: "y" },
      value: Number.POSITIVE_INFINITY,
    },
  ]);
  assert.equal(
    text,
    '# HELP a_total Counts\\na.\n# TYPE a_total counter\na_total{x="q\\"\\\\\\n"} 1\na_total{x="y"} +Inf\n' +
      "# HELP b B.\n# TYPE b gauge\nb NaN\n",
  );
});
