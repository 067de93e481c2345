import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../../exporter/collectors/collector-settings.js";
import { COLLECTORS } from "../../../../exporter/collectors/registry.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { collectorsReadBy } from "../../../../scraper/rule-engine/rules/collectors-read.js";
import { FileMachine } from "../../../exporter/file-machine.js";
import { parseRules, RuleBench } from "./rule-bench.js";

const TARGET = 'instance="a:8732",job="pi"';
const TEMPERATURE = `pihealth_cpu_temperature_celsius{${TARGET}}`;
const LEVEL = `pihealth_alarm_level{family="cpu",${TARGET}}`;
const success = (collector: string, target = TARGET): string =>
  `pihealth_collector_success{collector="${collector}",${target}}`;

const rules = (annotations = ""): string => `
groups:
  - name: cpu
    rules:
      - alert: Hot
        expr: pihealth_cpu_temperature_celsius and on (instance, job) (pihealth_alarm_level{family="cpu"} == 2)
        for: 1m
        ${annotations}
`;

type Values = Readonly<Record<string, number | "stale">>;
const HOT: Values = { [TEMPERATURE]: 75, [LEVEL]: 2, [success("temperature")]: 1 };
const GONE: Values = { [TEMPERATURE]: "stale", [LEVEL]: "stale" };

const CASES: readonly {
  readonly name: string;
  readonly minutes: readonly Values[];
  readonly states: readonly string[];
  readonly annotations?: string;
}[] = [
  {
    name: "stays while its collector fails, and the next reading decides",
    minutes: [
      HOT,
      HOT,
      { ...GONE, [success("temperature")]: 0 },
      { [success("temperature")]: 0 },
      { [TEMPERATURE]: 40, [LEVEL]: 0, [success("temperature")]: 1 },
    ],
    states: ["pending", "firing", "firing?", "firing?", ""],
  },
  {
    name: "fires on after the failure when the machine is still hot",
    minutes: [HOT, HOT, { ...GONE, [success("temperature")]: 0 }, HOT],
    states: ["pending", "firing", "firing?", "firing"],
  },
  {
    name: "ends when its series vanish while the collector succeeds",
    minutes: [HOT, HOT, { ...GONE, [success("temperature")]: 1 }],
    states: ["pending", "firing", ""],
  },
  {
    name: "ends when the collector is switched off",
    minutes: [HOT, HOT, { ...GONE, [success("temperature")]: "stale" }],
    states: ["pending", "firing", ""],
  },
  {
    name: "ends while another collector fails",
    minutes: [HOT, HOT, { ...HOT, [LEVEL]: 0, [success("disk")]: 0 }],
    states: ["pending", "firing", ""],
  },
  {
    name: "ends while the collector of another machine fails",
    minutes: [
      HOT,
      HOT,
      { ...HOT, [LEVEL]: 0, [success("temperature", 'instance="b",job="pi"')]: 0 },
    ],
    states: ["pending", "firing", ""],
  },
  {
    name: "ends as in Prometheus with pihealth_missing_data: resolve",
    annotations: "annotations: { pihealth_missing_data: resolve }",
    minutes: [HOT, HOT, { ...GONE, [success("temperature")]: 0 }],
    states: ["pending", "firing", ""],
  },
];

for (const { name, minutes, states, annotations } of CASES)
  test(`an alert and failed readings: it ${name}`, async () => {
    const bench = new RuleBench({ parse: (text) => parseExpression(text) });
    await bench.engine.load(parseRules(rules(annotations)));
    const seen: string[] = [];
    for (const [minute, values] of minutes.entries()) {
      for (const [series, value] of Object.entries(values))
        bench.set(series, minute * 60_000, value);
      await bench.evaluate(minute * 60_000);
      seen.push(bench.states().join());
    }
    assert.deepEqual(seen, states);
  });

const SHARED = ["pihealth_alarm_level", "pihealth_collector_rows_left_out"];

test("every metric of every collector is known to rules", () => {
  for (const { name, create } of COLLECTORS) {
    const { metrics } = create(new FileMachine().sources, DEFAULT_COLLECTOR_SETTINGS);
    for (const metric of metrics.filter((one) => !SHARED.includes(one.name)))
      assert.deepEqual(collectorsReadBy(parseExpression(metric.name)), [name], metric.name);
    const hasLevel = metrics.some((metric) => metric.name === "pihealth_alarm_level");
    const levels = collectorsReadBy(parseExpression("pihealth_alarm_level == 2"));
    assert.equal(levels.includes(name), hasLevel, name);
  }
});

for (const [expression, expected] of [
  ['pihealth_alarm_level{family="disk"} == 1', ["disk"]],
  ["instance:pihealth_cpu_usage_ratio:avg5m > 0.95", ["cpu"]],
  ['{__name__=~"pihealth_load.*"} > 5', ["load"]],
  ["pihealth_load1 > 2 and pihealth_memory_used_ratio > 0.9", ["load", "memory"]],
  ["up == 0", []],
  ["pihealth_collector_success == 0", []],
  ['{instance="a"} > 5', []],
] as const)
  test(`collectors that an expression reads: ${expression}`, () => {
    assert.deepEqual(collectorsReadBy(parseExpression(expression)), expected);
  });
