import assert from "node:assert/strict";
import { test } from "node:test";
import { negotiateFormat } from "../../../exporter/exposition/negotiation.js";

const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," +
  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

for (const [accept, format] of [
  [undefined, "text"],
  ["", "text"],
  ["*/*", "text"],
  [PROMETHEUS_2, "openmetrics"],
  [PROMETHEUS_3, "openmetrics"],
  ["application/openmetrics-text", "openmetrics"],
  ["Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", "openmetrics"],
  ['application/openmetrics-text; version="1.0.0"', "openmetrics"],
  ["application/openmetrics-text;version=0.0.1", "text"],
  ["application/openmetrics-text;version=9.0.0", "text"],
  [
    "application/openmetrics-text;version=9.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
    "openmetrics",
  ],
  ["text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8", "text"],
  ["text/plain;q=0.3,application/openmetrics-text;q=0.8", "openmetrics"],
  ["text/plain,application/openmetrics-text", "text"],
  ["application/openmetrics-text,text/plain", "openmetrics"],
  ["application/openmetrics-text;q=0,text/plain;q=0.1", "text"],
  ["application/openmetrics-text;q=0", "text"],
  ["application/openmetrics-text;q=rubbish,text/plain", "text"],
  ["application/openmetrics-text;q=2,text/plain;q=0.1", "text"],
  [
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.5",
    "text",
  ],
  ["application/json", "text"],
  [";;;,,,=;q=", "text"],
  [`${"x/y,".repeat(4000)}application/openmetrics-text`, "text"],
] as const) {
  test(`Accept ${JSON.stringify(accept)?.slice(0, 120)} gets ${format}`, () => {
    assert.equal(negotiateFormat(accept), format);
  });
}
