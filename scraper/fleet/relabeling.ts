import { createHash } from "node:crypto";
import { isLabelName, Labels } from "../../exporter/shared/model/labels.js";
import { RegexTemplate } from "../base/regex-template.js";
import { RegularExpression } from "../base/regular-expression.js";
import type { RelabelConfig } from "./relabel-config.js";

/**
 * A compiled list of `relabel_configs`.
 *
 * @returns the labels after every step, or undefined when a step dropped them
 */
export type Relabeling = (labels: Labels) => Labels | undefined;

export const NO_RELABELING: Relabeling = (labels) => labels;

/** A label set during relabelling. */
type Draft = Map<string, string>;
/** Changes the draft; returns false to drop the whole set. */
type Step = (draft: Draft) => boolean;

/** Compiles a list of relabelling steps, so that applying them needs no parsing. */
export function compileRelabeling(configs: readonly RelabelConfig[]): Relabeling {
  if (configs.length === 0) return NO_RELABELING;
  const steps = configs.map(compileStep);
  return (labels) => {
    const draft: Draft = new Map(labels.pairs);
    for (const step of steps) if (!step(draft)) return undefined;
    return Labels.of(draft);
  };
}

function compileStep(config: RelabelConfig): Step {
  const regex = RegularExpression.compileDotAll(config.regex);
  const source = sourceReader(config);
  const target = config.targetLabel;
  switch (config.action) {
    case "replace":
      return compileReplace(config, regex);
    case "keep":
      return (draft) => regex.matches(source(draft));
    case "drop":
      return (draft) => !regex.matches(source(draft));
    case "keepequal":
      return (draft) => (draft.get(target) ?? "") === source(draft);
    case "dropequal":
      return (draft) => (draft.get(target) ?? "") !== source(draft);
    case "hashmod":
      return (draft) => set(draft, target, String(hashModulo(source(draft), config.modulus)));
    case "lowercase":
      return (draft) => set(draft, target, source(draft).toLowerCase());
    case "uppercase":
      return (draft) => set(draft, target, source(draft).toUpperCase());
    case "labelmap":
      return compileLabelMap(config, regex);
    case "labeldrop":
      return (draft) => removeNames(draft, (name) => regex.matches(name));
    case "labelkeep":
      return (draft) => removeNames(draft, (name) => !regex.matches(name));
  }
}

function compileReplace(config: RelabelConfig, regex: RegularExpression): Step {
  const source = sourceReader(config);
  const target = new RegexTemplate(config.targetLabel);
  const replacement = new RegexTemplate(config.replacement);
  return (draft) => {
    const match = regex.matchWhole(source(draft));
    if (match === undefined) return true;
    const name = target.expand(match);
    return !isLabelName(name) || set(draft, name, replacement.expand(match));
  };
}

function compileLabelMap(config: RelabelConfig, regex: RegularExpression): Step {
  const replacement = new RegexTemplate(config.replacement);
  return (draft) => {
    // Iterates over a copy, so that labels added by this step are not mapped again.
    for (const [name, value] of [...draft]) {
      const match = regex.matchWhole(name);
      if (match === undefined) continue;
      const mapped = replacement.expand(match);
      if (isLabelName(mapped)) set(draft, mapped, value);
    }
    return true;
  };
}

function sourceReader({ sourceLabels, separator }: RelabelConfig): (draft: Draft) => string {
  const [only, ...others] = sourceLabels;
  if (only !== undefined && others.length === 0) return (draft) => draft.get(only) ?? "";
  return (draft) => sourceLabels.map((name) => draft.get(name) ?? "").join(separator);
}

function set(draft: Draft, name: string, value: string): true {
  if (value === "") draft.delete(name);
  else draft.set(name, value);
  return true;
}

function removeNames(draft: Draft, removes: (name: string) => boolean): true {
  for (const name of [...draft.keys()]) if (removes(name)) draft.delete(name);
  return true;
}

/** As in Prometheus: the last eight bytes of the MD5 sum as a big-endian number. */
function hashModulo(text: string, modulus: number): bigint {
  return createHash("md5").update(text).digest().readBigUInt64BE(8) % BigInt(modulus);
}
