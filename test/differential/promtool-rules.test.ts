import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { checkRules } from "../../scraper/program/commands/check.js";
import { runRuleTests } from "../../scraper/rule-engine/rule-tests/test-rules.js";

/** Valid and invalid files, about which promtool and our own commands must agree. */
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

const IS_PROMTOOL_2 = /version 2\./.test(promtool("--version").text);

const rule = (text: string): string => `groups: [{ name: a, rules: [{ ${text} }] }]\n`;

const RULE_FILES: readonly {
  readonly name: string;
  readonly text: string;
  /** Prometheus 2.42 rejects the file; current versions, which we follow, accept it. */
  readonly isNewer?: true;
}[] = [
  {
    name: "an alerting rule",
    text: `${rule("alert: X, expr: up == 0, for: 5m, keep_firing_for: 1m, labels: { a: b }")}`,
  },
  {
    name: "a recording rule",
    text: rule('record: "job:up:sum", expr: sum by (job) (up), labels: { n: 5 }'),
  },
  { name: "no content", text: "" },
  { name: "only a comment", text: "# nothing\n" },
  { name: "no groups", text: "groups:\n" },
  { name: "no rules", text: "groups: [{ name: a }]\n" },
  { name: "a limit", text: "groups: [{ name: a, limit: 5, interval: 30s }]\n" },
  { name: "a list", text: "- a\n" },
  { name: "a word", text: "hello\n" },
  { name: "truncated YAML", text: "groups: [\n" },
  { name: "an unknown key", text: "rules: []\n" },
  { name: "an unknown key in a group", text: "groups: [{ name: a, rule: [] }]\n" },
  { name: "a duplicate key", text: "groups:\n- name: a\n  name: b\n" },
  { name: "no name", text: "groups: [{ name: '' }]\n" },
  { name: "a duplicate group", text: "groups: [{ name: a }, { name: a }]\n" },
  { name: "a bad interval", text: "groups: [{ name: a, interval: 5x }]\n" },
  { name: "a query offset", text: "groups: [{ name: a, query_offset: 1m }]\n", isNewer: true },
  { name: "neither alert nor record", text: rule("expr: up") },
  { name: "alert and record", text: rule("alert: X, record: y, expr: up") },
  { name: "no expression", text: rule("alert: X") },
  { name: "an incomplete expression", text: rule("alert: X, expr: up ==") },
  { name: "a wrong type", text: rule("record: x, expr: rate(up)") },
  { name: "an unknown function", text: rule("record: x, expr: nosuch(up)") },
  { name: "a bad regex", text: rule(`record: x, expr: 'up{a=~"("}'`) },
  { name: "a record name in UTF-8", text: rule("record: a b, expr: up"), isNewer: true },
  { name: "a recording rule with for", text: rule("record: x, expr: up, for: 5m") },
  {
    name: "a recording rule with annotations",
    text: rule("record: x, expr: up, annotations: { a: b }"),
  },
  { name: "a bad duration", text: rule("alert: X, expr: up, for: yesterday") },
  { name: "a negative duration", text: rule("alert: X, expr: up, for: -5m") },
  { name: "a label in UTF-8", text: rule("alert: X, expr: up, labels: { 1a: b }"), isNewer: true },
  { name: "__name__ as a label", text: rule("alert: X, expr: up, labels: { __name__: b }") },
  {
    name: "an annotation in UTF-8",
    text: rule("alert: X, expr: up, annotations: { a-b: b }"),
    isNewer: true,
  },
  {
    name: "an incomplete template",
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

/**
 * The message about an expression or a template, without its context, up to the first back-tick:
 * 2.42 quotes regular expressions with its own additions.
 */
const messageIn = (text: string): string | undefined =>
  /(?:parse error|template): [^`]*/.exec(text)?.[0].split("\n")[0];

for (const [index, { name, text, isNewer }] of RULE_FILES.entries()) {
  test(`check rules and promtool agree about a rule file with ${name}`, async () => {
    const file = write(`rules-${index}.yml`, text);
    const theirs = promtool("check", "rules", file);
    const { succeeded, lines } = await checkRules([file]);
    const ours = { code: succeeded ? 0 : 1, text: lines.join("\n") };
    if (isNewer === true && IS_PROMTOOL_2) assert.deepEqual([theirs.code, ours.code], [1, 0]);
    else assert.equal(ours.code, theirs.code, `${theirs.text}\n${ours.text}`);
    const message = messageIn(theirs.text);
    if (message !== undefined) assert.equal(messageIn(ours.text), message);
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
  { name: "a firing alert", text: file({ body: alert("5m", FIRING) }) },
  { name: "an alert at the time it starts to fire", text: file({ body: alert("3m", FIRING) }) },
  { name: "a pending alert", text: file({ body: alert("2m", "") }) },
  { name: "an unexpected alert", text: file({ body: alert("5m", "") }) },
  { name: "a different label", text: file({ body: alert("5m", FIRING.replace("page", "note")) }) },
  {
    name: "a different annotation",
    text: file({ body: alert("5m", FIRING.replace("x 0", "y 0")) }),
  },
  { name: "an alert without a rule", text: file({ body: alert("5m", "", "Up") }) },
  { name: "an expected alert without a rule", text: file({ body: alert("5m", FIRING, "Up") }) },
  { name: "an expression", text: file({ body: expression("sum(up)", "{ value: 1 }") }) },
  {
    name: "an expression with a different value",
    text: file({ body: expression("sum(up)", "{ value: 2 }") }),
  },
  {
    name: "a recorded series",
    text: file({ body: expression("job:up:sum", `{ labels: 'job:up:sum{job="j"}', value: 1 }`) }),
  },
  { name: "an expression without a result", text: file({ body: expression("nothing") }) },
  { name: "an incomplete expression", text: file({ body: expression("nothing(") }) },
  {
    name: "an incomplete label set",
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
    name: "a duplicate series",
    text: file({
      series: '- { series: up, values: "1" }\n  - { series: up, values: "2" }',
      body: expression("sum(up)", "{ value: 1 }"),
    }),
  },
  { name: "an incomplete series", text: file({ series: `- { series: 'up{a="b"', values: "1" }` }) },
  {
    name: "invalid values",
    text: file({ series: '- { series: up, values: "1 x 2" }', body: expression("up") }),
  },
  {
    name: "a group order",
    text: file({
      top: "rule_files: [tested.yml]\ngroup_eval_order: [a]",
      body: alert("5m", FIRING),
    }),
  },
  {
    name: "a group order with a duplicate",
    text: file({
      top: "rule_files: [tested.yml]\ngroup_eval_order: [a, a]",
      body: alert("5m", FIRING),
    }),
  },
  {
    name: "a missing rule file",
    text: file({ top: "rule_files: [nosuch.yml]", body: alert("5m", FIRING) }),
  },
  {
    name: "a pattern for rule files",
    text: file({ top: "rule_files: ['test*.yml']", body: alert("5m", FIRING) }),
  },
  { name: "an unknown key", text: `${file({})}foo: bar\n` },
  { name: "no content", text: "" },
  { name: "truncated YAML", text: "tests: [\n" },
];

for (const [index, { name, text }] of TEST_FILES.entries()) {
  test(`test rules and promtool have the same result for a test file with ${name}`, async () => {
    const tested = write(`check-${index}.yml`, text);
    const theirs = promtool("test", "rules", tested);
    const lines: string[] = [];
    const keep = (line: string): void => void lines.push(line);
    const environment = {
      files: realFiles,
      clock: systemClock,
      enabledFeatures: [],
      write: keep,
      writeError: keep,
    };
    const code = await runRuleTests([tested], environment);
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
