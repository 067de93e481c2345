/** The orders in which Alertmanager lists alerts and groups. */
import { compareStrings, type Labels } from "../../../exporter/shared/model/labels.js";

/** Labels that decide before all others. */
const FIRST_LABELS = ["job", "instance"];

interface Labelled {
  readonly labels: Labels;
}

/** Compares alerts of a notification: by job, by instance, then by all labels. */
export function compareAlerts({ labels: left }: Labelled, { labels: right }: Labelled): number {
  for (const name of FIRST_LABELS) {
    const [value, other] = [left.get(name), right.get(name)];
    if (value === other) continue;
    if (value === "" || other === "") return value === "" ? 1 : -1; // Without the label: last.
    return compareStrings(value, other);
  }
  return compareLabelSets(left, right);
}

/**
 * Compares label sets: the smaller set first, then by the first name that only one of them has, or
 * whose values differ.
 */
export function compareLabelSets(left: Labels, right: Labels): number {
  const { pairs } = left;
  if (pairs.length !== right.pairs.length) return pairs.length - right.pairs.length;
  for (const [index, [name, value]] of pairs.entries()) {
    const [otherName, otherValue] = right.pairs[index] ?? ["", ""];
    // The set that lacks the smaller of two names comes first.
    if (name !== otherName) return compareStrings(otherName, name);
    if (value !== otherValue) return compareStrings(value, otherValue);
  }
  return 0;
}
