import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatApiFloat,
  formatFloat,
  formatOpenMetricsFloat,
  formatShortestFloat,
} from "../../../../exporter/shared/model/float-format.js";

for (const [value, plain, api, shortest, openMetrics] of [
  [0, "0", "0", "0", "0.0"],
  [-0, "-0", "-0", "-0", "-0.0"],
  [1, "1", "1", "1", "1.0"],
  [0.1, "0.1", "0.1", "0.1", "0.1"],
  [-1.5, "-1.5", "-1.5", "-1.5", "-1.5"],
  [0.00001, "0.00001", "0.00001", "1e-05", "1e-05"],
  [1e-7, "0.0000001", "1e-07", "1e-07", "1e-07"],
  [-1.25e-9, "-0.00000000125", "-1.25e-09", "-1.25e-09", "-1.25e-09"],
  [123456789012, "123456789012", "123456789012", "123456789012", "123456789012.0"],
  [1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21"],
  [1.5e300, `15${"0".repeat(299)}`, "1.5e+300", "1.5e+300", "1.5e+300"],
  [Infinity, "+Inf", "+Inf", "+Inf", "+Inf"],
  [-Infinity, "-Inf", "-Inf", "-Inf", "-Inf"],
  [NaN, "NaN", "NaN", "NaN", "NaN"],
] as const) {
  test(`Floats are formatted as in Go: ${plain.slice(0, 30)}`, () => {
    assert.equal(formatFloat(value), plain);
    assert.equal(formatApiFloat(value), api);
    assert.equal(formatShortestFloat(value), shortest);
    assert.equal(formatOpenMetricsFloat(value), openMetrics);
  });
}
