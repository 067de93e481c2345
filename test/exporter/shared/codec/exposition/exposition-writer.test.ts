import assert from "node:assert/strict";
import { test } from "node:test";
import { writeExposition } from "../../../../../exporter/shared/codec/exposition/exposition-writer.js";
import { counter, gauge } from "../../../../../exporter/shared/model/metric.js";

const COUNTED = counter({ name: "a_total", help: "Counts\na \\.", labels: ["x", "y"] });
const MEASURED = gauge({ name: "b", help: "B." });

test("samples are grouped by metric, with help and label values escaped", () => {
  const text = writeExposition([
    COUNTED.sample(1, { y: "1", x: 'q"\\\n' }),
    MEASURED.sample(Number.NaN),
    COUNTED.sample(Number.POSITIVE_INFINITY, { x: "z", y: "" }),
  ]);
  assert.equal(
    text,
    "# HELP a_total Counts\\na \\\\.\n# TYPE a_total counter\n" +
      'a_total{x="q\\"\\\\\\n",y="1"} 1\na_total{x="z",y=""} +Inf\n' +
      "# HELP b B.\n# TYPE b gauge\nb NaN\n",
  );
});
