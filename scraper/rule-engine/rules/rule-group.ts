import { compareStrings } from "../../../exporter/shared/model/labels.js";

/** Rule groups as configured, in internal units. */
export interface RuleGroup {
  readonly file: string;
  readonly name: string;
  readonly intervalMs: number;
  /** Most series or alerts of a rule; 0 means no limit. */
  readonly limit: number;
  /** How long before the evaluation time the expressions are evaluated. */
  readonly queryOffsetMs: number;
  readonly rules: readonly Rule[];
}

export interface RecordingRule {
  readonly kind: "recording";
  readonly name: string;
  readonly expression: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** How an alert continues when its series vanishes while its target is silent. */
export type MissingData = "keep" | "resolve";

export interface AlertingRule {
  readonly kind: "alerting";
  readonly name: string;
  readonly expression: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  /** Undefined to use the setting for all rules. */
  readonly missingData: MissingData | undefined;
}

export type Rule = RecordingRule | AlertingRule;

/** Identifies a group among all files. */
export const groupKeyOf = ({ file, name }: Pick<RuleGroup, "file" | "name">): string =>
  `${file};${name}`;

/**
 * Kind, name and labels of a rule, which stay the same when its expression or its texts are edited.
 */
export function ruleIdentityOf({ kind, name, labels }: Rule): string {
  return JSON.stringify([
    kind,
    name,
    Object.entries(labels).sort(([left], [right]) => compareStrings(left, right)),
  ]);
}

/**
 * Keys of the rules of a group, in their order. When files are read again, a rule takes over the
 * state of the rule with the same key. Rules with the same identity are distinguished by their
 * order.
 */
export function ruleKeysOf(rules: readonly Rule[]): string[] {
  const seen = new Map<string, number>();
  return rules.map((rule) => {
    const identity = ruleIdentityOf(rule);
    const count = (seen.get(identity) ?? 0) + 1;
    seen.set(identity, count);
    return count === 1 ? identity : `${identity}#${count}`;
  });
}
