import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { checkRules } from "../../scraper/program/commands/check.js";
import { runRuleTests } from "../../scraper/rule-engine/rule-tests/test-rules.js";

/** Good and broken files, of which promtool and our own commands must think the same. */
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-promtool-rules-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

function promtool(...args: readonly string[]): { code: number; text: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  return { code: status ?? -1, text: stdout + stderr };
}

const rule = (text: string): string => `groups: [{ name: a, rules: [{ ${text} }] }]\n`;

/** Later versions of Prometheus, whom we follow, take what 2.42 refuses. */
const RULE_FILES: readonly {
  readonly name: string;
  readonly text: string;
  readonly isLater?: true;
}[] = [
  {
    name: "good",
    text: `${rule("alert: X, expr: up == 0, for: 5m, keep_firing_for: 1m, labels: { a: b }")}`,
  },
  {
    name: "recording",
    text: rule('record: "job:up:sum", expr: sum by (job) (up), labels: { n: 5 }'),
  },
  { name: "nothing", text: "" },
  { name: "a remark", text: "# nothing\n" },
  { name: "no groups", text: "groups:\n" },
  { name: "no rules", text: "groups: [{ name: a }]\n" },
  { name: "a limit", text: "groups: [{ name: a, limit: 5, interval: 30s }]\n" },
  { name: "a list", text: "- a\n" },
  { name: "a word", text: "hello\n" },
  { name: "half YAML", text: "groups: [\n" },
  { name: "another key", text: "rules: []\n" },
  { name: "another key in a group", text: "groups: [{ name: a, rule: [] }]\n" },
  { name: "a key twice", text: "groups:\n- name: a\n  name: b\n" },
  { name: "no name", text: "groups: [{ name: '' }]\n" },
  { name: "a group twice", text: "groups: [{ name: a }, { name: a }]\n" },
  { name: "a bad interval", text: "groups: [{ name: a, interval: 5x }]\n" },
  { name: "a query offset", text: "groups: [{ name: a, query_offset: 1m }]\n", isLater: true },
  { name: "neither kind", text: rule("expr: up") },
  { name: "both kinds", text: rule("alert: X, record: y, expr: up") },
  { name: "no expression", text: rule("alert: X") },
  { name: "half an expression", text: rule("alert: X, expr: up ==") },
  { name: "a wrong type", text: rule("record: x, expr: rate(up)") },
  { name: "an unknown function", text: rule("record: x, expr: nosuch(up)") },
  { name: "a bad regex", text: rule(`record: x, expr: 'up{a=~"("}'`) },
  { name: "a bad record name", text: rule("record: a b, expr: up") },
  { name: "a record that waits", text: rule("record: x, expr: up, for: 5m") },
  { name: "a record with annotations", text: rule("record: x, expr: up, annotations: { a: b }") },
  { name: "a bad duration", text: rule("alert: X, expr: up, for: yesterday") },
  { name: "a duration below zero", text: rule("alert: X, expr: up, for: -5m") },
  { name: "a bad label", text: rule("alert: X, expr: up, labels: { 1a: b }") },
  { name: "the name as a label", text: rule("alert: X, expr: up, labels: { __name__: b }") },
  { name: "a bad annotation", text: rule("alert: X, expr: up, annotations: { a-b: b }") },
  {
    name: "half a template",
    text: rule("alert: X, expr: up, annotations: { a: '{{ $labels.x ' }"),
  },
  {
    name: "an unknown template function",
    text: rule("alert: X, expr: up, annotations: { a: '{{ nosuch 1 }}' }"),
  },
  {
    name: "an unknown template variable",
    text: rule("alert: X, expr: up, annotations: { a: '{{ $nosuch }}' }"),
  },
  {
    name: "a good template",
    text: rule(
      "alert: X, expr: up, annotations: { a: '{{ $labels.x | title }} {{ printf \"%.1f\" $value }}' }",
    ),
  },
];

/** What both say of an expression or a template, without what stands around it; 2.42 quotes regexes with its additions. */
const coreOf = (text: string): string | undefined =>
  /(?:parse error|template): [^`]*/.exec(text)?.[0].split("\n")[0];

for (const [index, { name, text, isLater }] of RULE_FILES.entries()) {
  test(`check rules and promtool think the same of a file with ${name}`, async () => {
    const file = write(`rules-${index}.yml`, text);
    const theirs = promtool("check", "rules", file);
    const { succeeded, lines } = await checkRules([file]);
    const ours = { code: succeeded ? 0 : 1, text: lines.join("\n") };
    if (isLater === true) assert.deepEqual([theirs.code, ours.code], [1, 0]);
    else assert.equal(ours.code, theirs.code, `${theirs.text}\n${ours.text}`);
    const core = coreOf(theirs.text);
    if (core !== undefined) assert.equal(coreOf(ours.text), core);
    if (theirs.code === 0)
      assert.match(ours.text, new RegExp(/SUCCESS: \d+ rule/.exec(theirs.text)?.[0] ?? ""));
  });
}

before(() => {
  write(
    "tested.yml",
    `
groups:
- name: a
  rules:
  - { alert: Down, expr: up == 0, for: 2m, labels: { severity: page }, annotations: { summary: '{{ $labels.i }} {{ $value }}' } }
  - { record: "job:up:sum", expr: sum by (job) (up) }
`,
  );
});

const SERIES = `- { series: 'up{job="j",i="x"}', values: "1 0x10" }`;
const FIRING =
  "{ exp_labels: { severity: page, job: j, i: x }, exp_annotations: { summary: 'x 0' } }";

interface TestParts {
  readonly top?: string;
  readonly series?: string;
  readonly body?: string;
}

const file = ({
  top = "rule_files: [tested.yml]\nevaluation_interval: 1m",
  series = SERIES,
  body = "",
}: TestParts): string =>
  `${top}\ntests:\n- interval: 1m\n  name: n\n  input_series:\n  ${series}\n${body}\n`;
const alert = (time: string, expected: string, name = "Down"): string =>
  `  alert_rule_test: [{ eval_time: ${time}, alertname: ${name}, exp_alerts: [${expected}] }]`;
const expression = (text: string, expected = "", time = "0m"): string =>
  `  promql_expr_test: [{ expr: '${text}', eval_time: ${time}, exp_samples: [${expected}] }]`;

const TEST_FILES: readonly { readonly name: string; readonly text: string }[] = [
  { name: "an alert that fires", text: file({ body: alert("5m", FIRING) }) },
  { name: "an alert at the moment it fires", text: file({ body: alert("3m", FIRING) }) },
  { name: "an alert that waits", text: file({ body: alert("2m", "") }) },
  { name: "an alert nobody expects", text: file({ body: alert("5m", "") }) },
  { name: "another label", text: file({ body: alert("5m", FIRING.replace("page", "note")) }) },
  { name: "another annotation", text: file({ body: alert("5m", FIRING.replace("x 0", "y 0")) }) },
  { name: "an alert no rule has", text: file({ body: alert("5m", "", "Up") }) },
  { name: "an alert no rule has, expected", text: file({ body: alert("5m", FIRING, "Up") }) },
  { name: "an expression", text: file({ body: expression("sum(up)", "{ value: 1 }") }) },
  {
    name: "an expression with another value",
    text: file({ body: expression("sum(up)", "{ value: 2 }") }),
  },
  {
    name: "a recorded series",
    text: file({ body: expression("job:up:sum", `{ labels: 'job:up:sum{job="j"}', value: 1 }`) }),
  },
  { name: "an expression without result", text: file({ body: expression("nothing") }) },
  { name: "half an expression", text: file({ body: expression("nothing(") }) },
  {
    name: "half a label set",
    text: file({ body: expression("up", "{ labels: 'up{', value: 1 }") }),
  },
  { name: "a scalar", text: file({ body: expression("1", "{ value: 1 }") }) },
  { name: "a range", text: file({ body: expression("up[5m]", "{ value: 1 }") }) },
  {
    name: "sequences of values",
    text: file({
      series: '- { series: up, values: "_ 2+3x2 4-1x1 NaN stale 1e3" }',
      body: expression("sum(up)", "{ value: 1000 }", "8m"),
    }),
  },
  {
    name: "a series twice",
    text: file({
      series: '- { series: up, values: "1" }\n  - { series: up, values: "2" }',
      body: expression("sum(up)", "{ value: 1 }"),
    }),
  },
  { name: "half a series", text: file({ series: `- { series: 'up{a="b"', values: "1" }` }) },
  {
    name: "values that are none",
    text: file({ series: '- { series: up, values: "1 x 2" }', body: expression("up") }),
  },
  {
    name: "an order of groups",
    text: file({
      top: "rule_files: [tested.yml]\ngroup_eval_order: [a]",
      body: alert("5m", FIRING),
    }),
  },
  {
    name: "an order with a group twice",
    text: file({
      top: "rule_files: [tested.yml]\ngroup_eval_order: [a, a]",
      body: alert("5m", FIRING),
    }),
  },
  {
    name: "a rule file that is not there",
    text: file({ top: "rule_files: [nosuch.yml]", body: alert("5m", FIRING) }),
  },
  {
    name: "rule files by a pattern",
    text: file({ top: "rule_files: ['test*.yml']", body: alert("5m", FIRING) }),
  },
  { name: "another key", text: `${file({})}foo: bar\n` },
  { name: "nothing", text: "" },
  { name: "half YAML", text: "tests: [\n" },
];

for (const [index, { name, text }] of TEST_FILES.entries()) {
  test(`test rules and promtool come to the same end with ${name}`, async () => {
    const tested = write(`check-${index}.yml`, text);
    const theirs = promtool("test", "rules", tested);
    const lines: string[] = [];
    const keep = (line: string): void => void lines.push(line);
    const surroundings = {
      files: realFiles,
      clock: systemClock,
      enabledFeatures: [],
      write: keep,
      writeError: keep,
    };
    const code = await runRuleTests([tested], surroundings);
    assert.equal(code, theirs.code, `${theirs.text}\n${lines.join("\n")}`);
    for (const word of ["SUCCESS", "FAILED:"]) {
      assert.equal(
        lines.join("\n").includes(word),
        theirs.text.includes(word),
        `${theirs.text}\n${lines.join("\n")}`,
      );
    }
  });
}
