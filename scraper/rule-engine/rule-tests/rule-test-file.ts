import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import {
  parseFloatText,
  parseSeriesLabels,
  parseSeriesValues,
  type NotationValue,
} from "./series-notation.js";

/** A file of rule unit tests in promtool's format. */
export interface RuleTestFile {
  /** As written, relative to the folder of the file. */
  readonly ruleFiles: readonly string[];
  readonly evaluationIntervalMs: number;
  readonly groupOrder: readonly string[];
  /** True when values that differ only in the last digit are equal. */
  readonly isFuzzy: boolean;
  readonly tests: readonly RuleTest[];
}

export interface RuleTest {
  readonly name: string;
  readonly intervalMs: number;
  readonly inputSeries: readonly {
    readonly labels: Labels;
    readonly values: readonly NotationValue[];
  }[];
  readonly alertTests: readonly AlertTest[];
  readonly expressionTests: readonly ExpressionTest[];
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

export interface AlertTest {
  readonly timeMs: number;
  readonly alertName: string;
  readonly expected: readonly { readonly labels: Labels; readonly annotations: Labels }[];
}

export interface ExpressionTest {
  readonly expression: string;
  readonly timeMs: number;
  readonly expected: readonly { readonly labels: Labels; readonly value: number }[];
}

/** @throws {ConfigError} naming file, line and key */
export function parseRuleTestFile(file: ConfigSection): RuleTestFile {
  const evaluationIntervalMs = file.durationMs("evaluation_interval", {
    default: "1m",
    min: "1ms",
  });
  const parsed = {
    ruleFiles: file.strings("rule_files", { default: [] }),
    evaluationIntervalMs,
    groupOrder: file.strings("group_eval_order", { default: [] }),
    isFuzzy: file.boolean("fuzzy_compare", { default: false }),
    tests: file.sections("tests").map((section) => parseTest(section, evaluationIntervalMs)),
  };
  const repeated = parsed.groupOrder.find(
    (name, index) => parsed.groupOrder.indexOf(name) !== index,
  );
  if (repeated !== undefined)
    file.fail("group_eval_order", `has ${JSON.stringify(repeated)} twice, it must have it once`);
  file.rejectUnknownKeys();
  return parsed;
}

function parseTest(section: ConfigSection, evaluationIntervalMs: number): RuleTest {
  const intervalMs = section.has("interval")
    ? section.durationMs("interval", { min: "1ms" })
    : evaluationIntervalMs;
  const test = {
    name: section.string("name", { default: "" }),
    intervalMs,
    inputSeries: section.sections("input_series").map(parseInputSeries),
    alertTests: section.sections("alert_rule_test").map(parseAlertTest),
    expressionTests: section.sections("promql_expr_test").map(parseExpressionTest),
    externalLabels: Labels.of(section.stringMap("external_labels")),
    externalUrl: section.string("external_url", { default: "" }),
  };
  section.rejectUnknownKeys();
  return test;
}

function parseInputSeries(section: ConfigSection): RuleTest["inputSeries"][number] {
  const series = section.string("series");
  const values = section.string("values");
  section.rejectUnknownKeys();
  return {
    labels: section.attempt("series", () => parseSeriesLabels(series)),
    values: section.attempt("values", () => parseSeriesValues(values)),
  };
}

function parseAlertTest(section: ConfigSection): AlertTest {
  const alertName = section.string("alertname");
  const expected = section.sections("exp_alerts").map((alert) => {
    const labels = Labels.of({ ...alert.stringMap("exp_labels"), alertname: alertName });
    const annotations = Labels.of(alert.stringMap("exp_annotations"));
    alert.rejectUnknownKeys();
    return { labels, annotations };
  });
  const test = { timeMs: section.durationMs("eval_time", { default: "0s" }), alertName, expected };
  section.rejectUnknownKeys();
  return test;
}

function parseExpressionTest(section: ConfigSection): ExpressionTest {
  const expected = section.sections("exp_samples").map((sample) => {
    const labels = sample.string("labels", { default: "{}" });
    const value = sample.string("value", { default: "0" });
    sample.rejectUnknownKeys();
    return {
      labels: sample.attempt("labels", () => parseSeriesLabels(labels)),
      value: sample.attempt("value", () => parseFloatText(value)),
    };
  });
  const test = {
    expression: section.string("expr"),
    timeMs: section.durationMs("eval_time", { default: "0s" }),
    expected,
  };
  section.rejectUnknownKeys();
  return test;
}
