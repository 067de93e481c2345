import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { isLabelName } from "../../exporter/shared/model/labels.js";
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
const ONLY_REGEX = ["source_labels", "target_label", "separator", "replacement", "modulus"];
const ONLY_NAMES = ["regex", "separator", "replacement", "modulus"];
const UNUSED_KEYS: Partial<Record<RelabelAction, readonly string[]>> = {
  labeldrop: ONLY_REGEX,
  labelkeep: ONLY_REGEX,
  keepequal: ONLY_NAMES,
  dropequal: ONLY_NAMES,
  lowercase: ["replacement"],
  uppercase: ["replacement"],
};

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
    sourceLabels: section.stringList("source_labels", { default: [] }),
    separator: section.has("separator") ? section.string("separator") : RELABEL_DEFAULTS.separator,
    regex: parseRegex(section),
    targetLabel: section.string("target_label", { default: "" }),
    replacement: section.string("replacement", { default: RELABEL_DEFAULTS.replacement }),
    modulus: section.integer("modulus", { default: 0, min: 0, truncates: true }),
  };
  section.rejectUnknownKeys();
  const badName = config.sourceLabels.find((name) => !isLabelName(name));
  if (badName !== undefined) {
    section.fail("source_labels", `holds ${JSON.stringify(badName)}, it must be label names`);
  }
  checkTarget(section, config);
  checkUnused(section, config);
  return config;
}

function parseAction(section: ConfigSection): RelabelAction {
  // An empty value is no action, unlike a missing key.
  const isEmpty = section.keys().includes("action") && !section.has("action");
  const text = isEmpty ? "" : section.string("action", { default: "replace" });
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
  if (NEEDS_TARGET.includes(action) && !isLabelName(targetLabel)) {
    section.fail("target_label", `is ${JSON.stringify(targetLabel)}, it must be a label name`);
  }
  if (action === "labelmap" && !isLabelName(replacement)) {
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

/**
 * Refuses keys that the action ignores, because their author expects an effect. As in Prometheus, a
 * key may be given with its default.
 */
function checkUnused(section: ConfigSection, config: RelabelConfig): void {
  const { action } = config;
  const changed: readonly (readonly [key: string, isChanged: boolean])[] = [
    ["source_labels", config.sourceLabels.length > 0],
    ["target_label", config.targetLabel !== ""],
    ["separator", config.separator !== RELABEL_DEFAULTS.separator],
    ["regex", config.regex !== RELABEL_DEFAULTS.regex],
    ["replacement", config.replacement !== RELABEL_DEFAULTS.replacement],
    ["modulus", config.modulus !== 0],
  ];
  const unused = UNUSED_KEYS[action] ?? [];
  const [given] = changed.find(([key, isChanged]) => isChanged && unused.includes(key)) ?? [];
  if (given !== undefined)
    section.fail(given, `is given, it must be left out for action ${action}`);
}
