import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import {
  parseSeriesLabels,
  parseSeriesValues,
} from "../../../../scraper/rule-engine/rule-tests/series-notation.js";
import { runRuleTests } from "../../../../scraper/rule-engine/rule-tests/test-rules.js";
import { MemoryFiles } from "../../../support/memory-files.js";

for (const { text, values } of [
  { text: "1 2.5 -3", values: [1, 2.5, -3] },
  { text: "0+1x3", values: [0, 1, 2, 3] },
  { text: "10-5x2", values: [10, 5, 0] },
  { text: "-2+4x2 7x2", values: [-2, 2, 6, 7, 7, 7] },
  { text: "_ 1 _x2 stale", values: ["missing", 1, "missing", "missing", "stale"] },
  { text: "1e3 NaN -Inf .5", values: [1000, Number.NaN, Number.NEGATIVE_INFINITY, 0.5] },
  { text: "", values: [] },
] as const) {
  test(`the notation of values is read: "${text}"`, () =>
    assert.deepEqual(parseSeriesValues(text), values));
}

for (const text of ["abc", "1+2", "1x", "_x", "1x9999999999", "stalex2", "1+x2", "{{schema:0}}"]) {
  test(`an invalid value is refused: "${text}"`, () =>
    assert.throws(() => parseSeriesValues(text), /Cannot read series notation/));
}

for (const [text, shown] of [
  ["up", "up"],
  ["up{b=\"1\", a='x',}", 'up{a="x", b="1"}'],
  ['{a="q\\"\\n"}', '{a="q\\"\\n"}'],
  ["{}", "{}"],
] as const) {
  test(`a series is read: ${text}`, () => assert.equal(parseSeriesLabels(text).toString(), shown));
}

for (const text of [
  "",
  "up{",
  "up{a}",
  'up{a="1"',
  'up{a=~"1"}',
  'up{a="1"}x',
  "1up",
  'up{a="1" b="2"}',
]) {
  test(`an invalid series is refused: ${text}`, () =>
    assert.throws(() => parseSeriesLabels(text), /Cannot read series notation/));
}

const RULES =
  "groups: [{ name: g, rules: [{ alert: Down, expr: up == 0, for: 2m, labels: { s: w }, annotations: { t: 'x {{ $value }}' } }] }]";
const TESTS = `
rule_files: [rules.yml]
tests:
  - name: down
    input_series: [{ series: 'up{job="pi"}', values: '1 0x5' }]
    alert_rule_test:
      - { eval_time: 2m, alertname: Down }
      - { eval_time: 3m, alertname: Down, exp_alerts: [{ exp_labels: { job: pi, s: w }, exp_annotations: { t: x 0 } }] }
    promql_expr_test:
      - { expr: sum(up), eval_time: 0m, exp_samples: [{ value: 1 }] }
      - { expr: up, eval_time: 3m, exp_samples: [{ labels: 'up{job="pi"}', value: 0 }] }
`;

async function run(tests: string, rules = RULES): Promise<{ exitCode: number; output: string }> {
  const files = new MemoryFiles();
  files.put("/t/rules.yml", rules);
  files.put("/t/tests.yml", tests);
  const lines: string[] = [];
  const write = (line: string): number => lines.push(line);
  const surroundings = { files, clock: systemClock, enabledFeatures: [], write, writeError: write };
  const exitCode = await runRuleTests(["/t/tests.yml"], surroundings);
  return { exitCode, output: lines.join("\n") };
}

test("passing rule tests end with exit code 0 and SUCCESS", async () => {
  assert.deepEqual(await run(TESTS), {
    exitCode: 0,
    output: "Unit Testing:  /t/tests.yml\n  SUCCESS\n",
  });
});

for (const { name, tests, rules, output } of [
  {
    name: "an alert that does not fire",
    tests: TESTS.replace("eval_time: 3m, alertname", "eval_time: 1m, alertname"),
    output: /name: down,\n {4}alertname: Down, time: 1m, \n {8}exp:\[\n[\s\S]*got:\[\]/,
  },
  {
    name: "an alert that fires unexpectedly",
    tests: TESTS.replace("eval_time: 2m", "eval_time: 4m"),
    output: /time: 4m, \n {8}exp:\[\], \n {8}got:\[\n {12}0:\n {14}Labels:\{alertname="Down"/,
  },
  {
    name: "other annotations",
    tests: TESTS.replace("t: x 0", "t: y"),
    output: /Annotations:\{t="y"\}[\s\S]*Annotations:\{t="x 0"\}/,
  },
  {
    name: "another value",
    tests: TESTS.replace("value: 1", "value: 2"),
    output: /expr: "sum\(up\)", time: 0s,\n {8}exp:\{\} 2\n {8}got:\{\} 1/,
  },
  {
    name: "a bad expression",
    tests: TESTS.replace("sum(up)", "sum("),
    output: /err: .*parse error/,
  },
  {
    name: "an unknown key",
    tests: TESTS.replace("name: down", "nmae: down"),
    output: /line 4: key tests\[0\]\.nmae is not a known key/,
  },
  {
    name: "a bad rule file",
    tests: TESTS,
    rules: "groups: 3",
    output: /Cannot load "\/t\/rules.yml"/,
  },
  {
    name: "a rule file that is not there",
    tests: TESTS.replace("rules.yml", "gone.yml"),
    output: /it does not exist/,
  },
]) {
  test(`failing rule tests end with exit code 1 and show the difference: ${name}`, async () => {
    const result = await run(tests, rules);
    assert.equal(result.exitCode, 1);
    assert.match(result.output, output);
  });
}
