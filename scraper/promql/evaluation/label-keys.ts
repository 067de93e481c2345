import { Labels, METRIC_NAME, type LabelPair } from "../../../exporter/shared/model/labels.js";

/**
 * Labels that describe a series rather than its origin: its name and, where the target adds them,
 * its type and unit. An operation that changes the meaning of the values removes all of them.
 */
export const METADATA_LABELS: readonly string[] = [METRIC_NAME, "__type__", "__unit__"];

const LAST_METADATA_LABEL = "__unit__";

/** The label set without its metadata labels. */
export function withoutMetadata(labels: Labels): Labels {
  const { pairs } = labels;
  for (let index = 0; ; index++) {
    const pair = pairs[index];
    if (pair === undefined || pair[0] > LAST_METADATA_LABEL) return labels;
    if (!METADATA_LABELS.includes(pair[0])) continue;
    const next = pairs[index + 1]?.[0] ?? "";
    if (next !== "" && next <= LAST_METADATA_LABEL) return labels.without(...METADATA_LABELS);
    return Labels.ofSorted(pairs.filter((other) => other !== pair));
  }
}

/** The work of making the key of one label set, as a number of values for the pacer. */
export const WORK_PER_KEY = 64;

/**
 * A key of some labels of a set, equal for equal labels. It needs no `Labels`, unlike `Labels.key`.
 */
export function keyOf(pairs: readonly LabelPair[]): string {
  let key = "";
  for (const [name, value] of pairs) key += `${name}\u{fffe}${value}\u{ffff}`;
  return key;
}

export type SelectPairs = (pairs: readonly LabelPair[]) => LabelPair[];

/** Selects the labels with these names, in one pass since both lists are sorted. */
export function pairsWith(sortedNames: readonly string[]): SelectPairs {
  return (pairs) => {
    const selected: LabelPair[] = [];
    let index = 0;
    let pair = pairs[0];
    for (const name of sortedNames) {
      while (pair !== undefined && pair[0] < name) pair = pairs[++index];
      if (pair === undefined) break;
      if (pair[0] === name) selected.push(pair);
    }
    return selected;
  };
}

/** Selects the labels with other names than these. */
export function pairsWithout(names: readonly string[]): SelectPairs {
  const excluded = new Set(names);
  return (pairs) => pairs.filter(([name]) => !excluded.has(name));
}
