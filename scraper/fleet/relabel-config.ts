import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { isLegacyLabelName } from "../../exporter/shared/model/labels.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { RegularExpression } from "../base/regular-expression.js";

const ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;
export type RelabelAction = (typeof ACTIONS)[number];

/** One entry of `relabel_configs`, with Prometheus' defaults filled in. */
export interface RelabelConfig {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  /** Without anchors; it must match the whole value. */
  readonly regex: string;
  readonly targetLabel: string;
  readonly replacement: string;
  /** 0 unless the action is `hashmod`. */
  readonly modulus: number;
}

export const RELABEL_DEFAULTS = { separator: ";", regex: "(.*)", replacement: "$1" } as const;

const NEEDS_TARGET: readonly RelabelAction[] = [
  "replace",
  "keepequal",
  "dropequal",
  "hashmod",
  "lowercase",
  "uppercase",
];
const TAKES_REGEX_ONLY: readonly RelabelAction[] = ["labeldrop", "labelkeep"];
const COMPARES: readonly RelabelAction[] = ["keepequal", "dropequal"];
/** A label name that may contain references such as `$1` or `${name}`. */
const LABEL_TEMPLATE = /^(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))(?:\w|\$(?:\{\w+\}|\w+))*$/;

/**
 * Reads a list such as `relabel_configs`; empty when it is missing.
 *
 * @throws {ConfigError}
 */
export function parseRelabelConfigs(section: ConfigSection, key: string): RelabelConfig[] {
  return section.sections(key).map(parseRelabelConfig);
}

function parseRelabelConfig(section: ConfigSection): RelabelConfig {
  const config: RelabelConfig = {
    action: parseAction(section),
    sourceLabels: section.strings("source_labels", { default: [] }),
    separator: section.has("separator") ? section.string("separator") : RELABEL_DEFAULTS.separator,
    regex: parseRegex(section),
    targetLabel: section.string("target_label", { default: "" }),
    replacement: section.string("replacement", { default: RELABEL_DEFAULTS.replacement }),
    modulus: section.integer("modulus", { default: 0, min: 0, max: Number.MAX_SAFE_INTEGER }),
  };
  section.rejectUnknownKeys();
  const badName = config.sourceLabels.find((name) => !isLegacyLabelName(name));
  if (badName !== undefined) {
    section.fail("source_labels", `holds ${JSON.stringify(badName)}, it must be label names`);
  }
  checkTarget(section, config);
  checkUnused(section, config);
  return config;
}

function parseAction(section: ConfigSection): RelabelAction {
  const text = section.string("action", { default: "replace" });
  const action = ACTIONS.find((candidate) => candidate === text.toLowerCase());
  return (
    action ??
    section.fail("action", `is ${JSON.stringify(text)}, it must be one of ${ACTIONS.join(", ")}`)
  );
}

function parseRegex(section: ConfigSection): string {
  const regex = section.string("regex", { default: RELABEL_DEFAULTS.regex });
  try {
    RegularExpression.compileDotAll(regex);
  } catch (error) {
    section.fail(
      "regex",
      `is ${JSON.stringify(regex)}, it must be a regular expression in RE2 syntax (${messageOf(error)})`,
    );
  }
  return regex;
}

function checkTarget(
  section: ConfigSection,
  { action, targetLabel, modulus, replacement }: RelabelConfig,
): void {
  if (NEEDS_TARGET.includes(action) && targetLabel === "") {
    section.fail("target_label", `is missing, it is required for action ${action}`);
  }
  const pattern = action === "replace" ? LABEL_TEMPLATE : /^[a-zA-Z_]\w*$/;
  if (NEEDS_TARGET.includes(action) && !pattern.test(targetLabel)) {
    section.fail("target_label", `is ${JSON.stringify(targetLabel)}, it must be a label name`);
  }
  if (action === "labelmap" && !LABEL_TEMPLATE.test(replacement)) {
    section.fail(
      "replacement",
      `is ${JSON.stringify(replacement)}, it must make a label name for action labelmap`,
    );
  }
  if (action === "hashmod" && modulus === 0) {
    section.fail(
      "modulus",
      "is missing, it must be a whole number of at least 1 for action hashmod",
    );
  }
}

/** Refuses keys that the action ignores, because their author expects an effect. */
function checkUnused(section: ConfigSection, { action }: RelabelConfig): void {
  const unused = TAKES_REGEX_ONLY.includes(action)
    ? ["source_labels", "target_label", "separator", "replacement", "modulus"]
    : COMPARES.includes(action)
      ? ["regex", "separator", "replacement", "modulus"]
      : [];
  const given = unused.find((key) => section.has(key));
  if (given !== undefined)
    section.fail(given, `is given, it must be left out for action ${action}`);
}
