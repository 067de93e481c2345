import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../../exporter/shared/config/yaml-source.js";
import { findRuleFiles } from "../../../../scraper/rule-engine/rules/load-rule-files.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { parseRules } from "../evaluation/rule-bench.js";

const group = (rules: string, keys = ""): string =>
  `groups:\n  - name: g\n${keys}    rules:\n${rules}`;

for (const { name, text, message } of [
  {
    name: "unknown key",
    text: group("      - alert: A\n        expr: up\n        foo: 1\n"),
    message: /line 6: key groups\[0\]\.rules\[0\]\.foo is not a known key/,
  },
  {
    name: "expression that does not parse",
    text: group("      - alert: A\n        expr: up ==\n"),
    message: /line 5: key groups\[0\]\.rules\[0\]\.expr .*parse error/,
  },
  {
    name: "template that does not parse",
    text: group("      - alert: A\n        expr: up\n        annotations: { s: '{{ foo }}' }\n"),
    message: /line 6: .*function "foo" not defined/,
  },
  {
    name: "label template that does not parse",
    text: group("      - alert: A\n        expr: up\n        labels: { s: '{{ $v }}' }\n"),
    message: /undefined variable "\$v"/,
  },
  {
    name: "record and alert",
    text: group("      - alert: A\n        record: b\n        expr: up\n"),
    message: /only one of them/,
  },
  { name: "neither", text: group("      - expr: up\n"), message: /one of record and alert/ },
  {
    name: "for with record",
    text: group("      - record: a\n        expr: up\n        for: 1m\n"),
    message: /must not be set for record/,
  },
  {
    name: "bad metric name",
    text: group("      - record: a{b}\n        expr: up\n"),
    message: /must be a metric name/,
  },
  {
    name: "bad label name",
    text: group("      - record: a\n        expr: up\n        labels: { __name__: c }\n"),
    message: /must be a label name/,
  },
  {
    name: "empty expression",
    text: group("      - record: a\n        expr: ''\n"),
    message: /must be a PromQL expression/,
  },
  {
    name: "duplicate group",
    text: "groups: [{ name: g }, { name: g }]",
    message: /must be used once in a file/,
  },
  {
    name: "bad duration",
    text: group("      - alert: A\n        expr: up\n        for: soon\n"),
    message: /line 6: .*duration "soon"/,
  },
  { name: "missing name", text: "groups: [{ rules: [] }]", message: /"name" is missing/ },
  {
    name: "bad choice of pihealth_missing_data",
    text: group(
      "      - alert: A\n        expr: up\n        annotations: { pihealth_missing_data: maybe }\n",
    ),
    message: /must be keep or resolve/,
  },
  {
    name: "rules that are no list",
    text: "groups: [{ name: g, rules: 3 }]",
    message: /must be a list/,
  },
  { name: "a tab", text: "groups:\n\t- name: g", message: /line 2/ },
]) {
  test(`a bad rule file is refused with file, line and key: ${name}`, () => {
    assert.throws(
      () => parseRules(text),
      (error) => {
        return (
          error instanceof ConfigError &&
          error.message.includes("rules.yml") &&
          message.test(error.message)
        );
      },
    );
  });
}

test("a rule file with every key is read", () => {
  const [parsed] = parseRules(`
groups:
  - name: all
    interval: 30s
    limit: 7
    query_offset: 1m
    labels: { team: home }
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 10m
        labels: { severity: critical, team: other }
        annotations: { summary: "{{ $labels.job }}", pihealth_missing_data: resolve }
`);
  assert.deepEqual(parsed, {
    file: "rules.yml",
    name: "all",
    intervalMs: 30_000,
    limit: 7,
    queryOffsetMs: 60_000,
    rules: [
      {
        kind: "recording",
        name: "job:up:sum",
        expression: "sum by (job) (up)",
        labels: { team: "home" },
      },
      {
        kind: "alerting",
        name: "Down",
        expression: "up == 0",
        labels: { team: "other", severity: "critical" },
        annotations: { summary: "{{ $labels.job }}", pihealth_missing_data: "resolve" },
        forMs: 300_000,
        keepFiringForMs: 600_000,
        missingData: "resolve",
      },
    ],
  });
});

test("patterns of rule files are relative to the configuration, sorted, and list a file once", async () => {
  const files = new MemoryFiles();
  for (const name of ["b.yml", "a.yml", "c.yaml", "tests/d.yml"])
    files.put(`/etc/pihealth/rules/${name}`, "");
  const found = await findRuleFiles(
    ["rules/*.yml", "rules/a.yml", "/etc/pihealth/rules/?.yaml", "none/*.yml"],
    "/etc/pihealth",
    files,
  );
  assert.deepEqual(
    found.map((file) => file.slice("/etc/pihealth/rules/".length)),
    ["a.yml", "b.yml", "c.yaml"],
  );
});

for (const pattern of ["rules/gone.yml", "*/a.yml", "[z-a].yml"]) {
  test(`an invalid rule_files entry is refused: ${pattern}`, async () => {
    await assert.rejects(findRuleFiles([pattern], "/etc", new MemoryFiles()), ConfigError);
  });
}

test("a rule that stands twice, empty values, and limits and intervals of nothing are accepted as in Prometheus", () => {
  const groups = parseRules(`groups:
  - name: g
    interval: 0s
    limit: -1
    rules:
      - { alert: HighErrors, expr: up == 0, labels: { severity: critical, zone: null } }
      - { alert: HighErrors, expr: up == 0, labels: { severity: critical } }
      - null
      - { record: "a b.c", alert: "", expr: up, for: 0s, annotations: {} }
---
groups: [{}]
`);
  const [group] = groups;
  assert.equal(groups.length, 1);
  assert.equal(group?.limit, 0);
  assert.equal(group.rules.length, 3);
  assert.equal(group.rules[2]?.name, "a b.c");
});
