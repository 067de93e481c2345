import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { isLabelName } from "../../../exporter/shared/model/labels.js";
import type { AlertExpander } from "./alert-expansion.js";
import {
  ruleIdentityOf,
  type AlertingRule,
  type RecordingRule,
  type Rule,
  type RuleGroup,
} from "./rule-group.js";

/** Annotation of an alerting rule that overrides `rules.missing_data`. */
export const MISSING_DATA_ANNOTATION = "pihealth_missing_data";
const MAX_GROUPS = 1000;
const MAX_RULES_PER_GROUP = 5000;

export interface RuleFileSettings {
  /** For groups without an interval. */
  readonly defaultIntervalMs: number;
  readonly defaultQueryOffsetMs: number;
  /** Throws when an expression does not parse. */
  readonly checkExpression: (expression: string) => void;
  readonly expander: AlertExpander;
  /** Receives what is accepted with a warning, such as a rule that stands twice in a group. */
  readonly onWarning?: (text: string) => void;
}

/**
 * Reads a Prometheus rule file.
 *
 * @throws {ConfigError} naming file, line and key
 */
export function parseRuleFile(file: ConfigSection, settings: RuleFileSettings): RuleGroup[] {
  const sections = file.sections("groups", { skipsEmpty: true });
  file.rejectUnknownKeys();
  if (sections.length > MAX_GROUPS) {
    file.fail("groups", `has ${sections.length} groups, it must have at most ${MAX_GROUPS}`);
  }
  const names = new Set<string>();
  return sections.map((section) => {
    const group = parseGroup(section, settings);
    if (names.has(group.name)) {
      section.fail("name", `is "${group.name}" again, it must be used once in a file`);
    }
    names.add(group.name);
    return group;
  });
}

function parseGroup(section: ConfigSection, settings: RuleFileSettings): RuleGroup {
  const name = section.string("name");
  if (name === "") section.fail("name", "is empty, it must be a text");
  const intervalMs =
    section.durationMs("interval", { default: "0s" }) || settings.defaultIntervalMs;
  // A limit below 0 is none, as in Prometheus.
  const limit = Math.max(0, section.integer("limit", { default: 0, truncates: true }));
  const queryOffsetMs = section.has("query_offset")
    ? section.durationMs("query_offset")
    : settings.defaultQueryOffsetMs;
  const labels = parseLabels(section);
  const rules = parseRules(section, labels, settings);
  section.rejectUnknownKeys();
  return Object.freeze({ file: section.file, name, intervalMs, limit, queryOffsetMs, rules });
}

function parseRules(
  group: ConfigSection,
  labels: Readonly<Record<string, string>>,
  settings: RuleFileSettings,
): Rule[] {
  const sections = group.sections("rules", { skipsEmpty: true });
  if (sections.length > MAX_RULES_PER_GROUP) {
    group.fail(
      "rules",
      `has ${sections.length} rules, it must have at most ${MAX_RULES_PER_GROUP}`,
    );
  }
  const seen = new Set<string>();
  return sections.map((section) => {
    const rule = parseRule(section, labels, settings);
    const identity = ruleIdentityOf(rule);
    if (seen.has(identity)) {
      section.warn(
        rule.kind === "recording" ? "record" : "alert",
        `is ${JSON.stringify(rule.name)} again with the same labels, two rules write the same series`,
      );
    }
    seen.add(identity);
    return rule;
  });
}

function parseRule(
  section: ConfigSection,
  groupLabels: Readonly<Record<string, string>>,
  settings: RuleFileSettings,
): Rule {
  const isRecording = section.string("record", { default: "" }) !== "";
  const isAlerting = section.string("alert", { default: "" }) !== "";
  if (isRecording && isAlerting) {
    section.fail("record", "stands beside alert, only one of them must be set");
  }
  if (!isRecording && !isAlerting) {
    section.fail("alert", "is missing, one of record and alert must be set");
  }
  const expression = section.string("expr");
  section.attempt("expr", () => {
    if (expression.trim() === "") {
      throw new BadInputError("is empty, it must be a PromQL expression");
    }
    settings.checkExpression(expression);
  });
  const labels = { ...groupLabels, ...parseLabels(section) };
  const rule = isRecording
    ? parseRecordingRule(section, { expression, labels })
    : parseAlertingRule(section, { expression, labels }, settings);
  section.rejectUnknownKeys();
  return Object.freeze(rule);
}

function parseRecordingRule(
  section: ConfigSection,
  common: Pick<RecordingRule, "expression" | "labels">,
): RecordingRule {
  const name = section.string("record");
  if (!isLabelName(name)) section.fail("record", "is not valid UTF-8, it must be a metric name");
  if (/[{}]/.test(name)) {
    section.fail(
      "record",
      `is "${name}", it must be a metric name: labels belong to expr or labels`,
    );
  }
  for (const key of ["for", "keep_firing_for"]) {
    if (section.durationMs(key, { default: "0s" }) > 0) failForRecord(section, key);
  }
  if (Object.keys(section.stringMap("annotations")).length > 0) {
    failForRecord(section, "annotations");
  }
  return { kind: "recording", name, ...common };
}

const failForRecord = (section: ConfigSection, key: string): never =>
  section.fail(key, "belongs to an alerting rule, it must not be set for record");

function parseAlertingRule(
  section: ConfigSection,
  common: Pick<AlertingRule, "expression" | "labels">,
  { expander }: RuleFileSettings,
): AlertingRule {
  const name = section.string("alert");
  const annotations = section.stringMap("annotations");
  const badName = Object.keys(annotations).find((annotation) => !isLabelName(annotation));
  if (badName !== undefined) {
    section.fail("annotations", `has the name "${badName}", it must be a label name`);
  }
  for (const text of Object.values(common.labels)) {
    section.attempt("labels", () => expander.compile(name, text));
  }
  for (const text of Object.values(annotations)) {
    section.attempt("annotations", () => expander.compile(name, text));
  }
  const missing = annotations[MISSING_DATA_ANNOTATION];
  if (missing !== undefined && missing !== "keep" && missing !== "resolve") {
    section.fail(
      "annotations",
      `has ${MISSING_DATA_ANNOTATION} "${missing}", it must be keep or resolve`,
    );
  }
  return {
    kind: "alerting",
    name,
    ...common,
    annotations,
    forMs: section.durationMs("for", { default: "0s" }),
    keepFiringForMs: section.durationMs("keep_firing_for", { default: "0s" }),
    missingData: missing,
  };
}

function parseLabels(section: ConfigSection): Record<string, string> {
  const labels = section.stringMap("labels");
  const bad = Object.keys(labels).find((name) => !isLabelName(name) || name === "__name__");
  if (bad !== undefined) {
    section.fail("labels", `has the name "${bad}", it must be a label name other than __name__`);
  }
  return labels;
}
