import { compareStrings } from "../../../exporter/shared/model/labels.js";

/** Rule groups as configured, in internal units. */
export interface RuleGroup {
  readonly file: string;
  readonly name: string;
  readonly intervalMs: number;
  /** Most series or alerts a rule may yield; 0 means no limit. */
  readonly limit: number;
  /** How far back of the evaluation time the expressions are evaluated. */
  readonly queryOffsetMs: number;
  readonly rules: readonly Rule[];
}

export interface RecordingRule {
  readonly kind: "recording";
  readonly name: string;
  readonly expression: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What becomes of an alert whose series vanished while its target is silent. */
export type MissingData = "keep" | "resolve";

export interface AlertingRule {
  readonly kind: "alerting";
  readonly name: string;
  readonly expression: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  /** Undefined: as the configuration says for all rules. */
  readonly missingData: MissingData | undefined;
}

export type Rule = RecordingRule | AlertingRule;

/** Names a group among all files. */
export const groupKeyOf = ({ file, name }: Pick<RuleGroup, "file" | "name">): string =>
  `${file};${name}`;

/**
 * Kind, name and labels of a rule: what stays the same when its expression or its texts are edited.
 */
export function ruleIdentityOf({ kind, name, labels }: Rule): string {
  return JSON.stringify([
    kind,
    name,
    Object.entries(labels).sort(([left], [right]) => compareStrings(left, right)),
  ]);
}

/**
 * Names each rule of a group, in their order. State passes from one rule to the one of the same key
 * when files are read again. Rules with the same identity are told apart by their order.
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
