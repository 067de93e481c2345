import type { Labels } from "../../../exporter/shared/model/labels.js";
import { matchesAll, type Matcher } from "../config/matchers.js";

interface IndexedSilence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
}

/** Answers to remember, one for each label set. Alerts are fewer. */
const MAX_REMEMBERED = 100_000;

/**
 * The silences of one moment, by a value that a label must have. An alert is compared with the
 * silences for its own values, and with those that have no such matcher; each alert once.
 */
export class SilenceIndex {
  private readonly byValue = new Map<string, Map<string, IndexedSilence[]>>();
  private readonly others: IndexedSilence[] = [];
  private readonly answers = new Map<string, readonly string[]>();

  constructor(silences: readonly IndexedSilence[]) {
    const countOf = valueCounts(silences);
    for (const silence of silences) {
      const [best] = silence.matchers
        .filter(isPlainEquality)
        .sort((left, right) => (countOf.get(right.name) ?? 0) - (countOf.get(left.name) ?? 0));
      if (best === undefined) this.others.push(silence);
      else addTo(this.byValue, best, silence);
    }
  }

  /** Ids of the silences that mute the labels, sorted. */
  silencing(labels: Labels): readonly string[] {
    const { key } = labels;
    const known = this.answers.get(key);
    if (known !== undefined) return known;
    const ids = this.find(labels);
    if (this.answers.size >= MAX_REMEMBERED) this.answers.clear();
    this.answers.set(key, ids);
    return ids;
  }

  private find(labels: Labels): string[] {
    const ids: string[] = [];
    const compare = (silences: readonly IndexedSilence[]): void => {
      for (const { id, matchers } of silences) if (matchesAll(matchers, labels)) ids.push(id);
    };
    for (const [name, silences] of this.byValue) compare(silences.get(labels.get(name)) ?? []);
    compare(this.others);
    return ids.sort();
  }
}

const isPlainEquality = ({ isRegex, isEqual, value }: Matcher): boolean =>
  isEqual && !isRegex && value !== "";

/** Number of different values that silences require of each label. */
function valueCounts(silences: readonly IndexedSilence[]): Map<string, number> {
  const values = new Map<string, Set<string>>();
  for (const { matchers } of silences) {
    for (const { name, value } of matchers.filter(isPlainEquality)) {
      const known = values.get(name);
      if (known === undefined) values.set(name, new Set([value]));
      else known.add(value);
    }
  }
  return new Map([...values].map(([name, { size }]) => [name, size]));
}

function addTo(
  byValue: Map<string, Map<string, IndexedSilence[]>>,
  { name, value }: Matcher,
  silence: IndexedSilence,
): void {
  const silences = byValue.get(name) ?? new Map<string, IndexedSilence[]>();
  byValue.set(name, silences);
  const sameValue = silences.get(value);
  if (sameValue === undefined) silences.set(value, [silence]);
  else sameValue.push(silence);
}
