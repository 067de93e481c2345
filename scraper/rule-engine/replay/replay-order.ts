import type { Expression } from "../../promql/language/ast.js";
import { namesReadBy } from "../rules/expression-reads.js";
import type { Rule, RuleGroup } from "../rules/rule-group.js";

export interface ReplayOrder {
  /** Each group comes after the groups whose results it reads. */
  readonly groups: readonly RuleGroup[];
  /**
   * True when a rule reads its own result or the result of a later rule. Then each time must be
   * completed before the next.
   */
  readonly isStepwise: boolean;
}

/**
 * Determines the order in which groups are evaluated over a range.
 *
 * @param parse parses expressions that are known to be valid
 */
export function replayOrderOf(
  groups: readonly RuleGroup[],
  parse: (expression: string) => Expression,
): ReplayOrder {
  const waiting = groups.map((group) => ({
    group,
    yields: [...new Set(group.rules.flatMap(namesYieldedBy))],
    reads: group.rules.map(({ expression }) => namesReadBy(parse(expression))),
  }));
  const ordered: typeof waiting = [];
  let isStepwise = waiting.some(({ group, reads }) => readsBackwards(group.rules, reads));
  while (waiting.length > 0) {
    const isFree = ({ group, reads }: (typeof waiting)[number]): boolean =>
      waiting.every(
        (other) =>
          other.group === group || !other.yields.some((name) => reads.some((read) => read(name))),
      );
    const index = waiting.findIndex(isFree);
    isStepwise ||= index < 0; // A cycle of groups.
    ordered.push(...waiting.splice(Math.max(0, index), 1));
  }
  return { groups: ordered.map(({ group }) => group), isStepwise };
}

const namesYieldedBy = (rule: Rule): string[] =>
  rule.kind === "recording" ? [rule.name] : ["ALERTS", "ALERTS_FOR_STATE"];

/**
 * True when a rule of the group reads its own result or the result of a later rule of the group.
 */
function readsBackwards(
  rules: readonly Rule[],
  reads: readonly ((name: string) => boolean)[],
): boolean {
  return reads.some((read, index) => rules.slice(index).flatMap(namesYieldedBy).some(read));
}
