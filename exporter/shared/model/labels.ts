/** One label of a series. A label with an empty value is the same as a missing label. */
export type LabelPair = readonly [name: string, value: string];

export const METRIC_NAME = "__name__";

/**
 * An immutable label set, sorted by label name in code-unit order, without empty values.
 *
 * Two label sets are the same series exactly when their `key` is equal.
 */
export class Labels {
  static readonly EMPTY = new Labels([]);
  private cachedKey: string | undefined;

  /** @param pairs sorted by name, unique names, no empty values: use `Labels.of` when that is not known */
  private constructor(readonly pairs: readonly LabelPair[]) {}

  /** Sorts the labels and drops empty values. If a name occurs twice, the later one counts. */
  static of(source: Readonly<Record<string, string>> | Iterable<LabelPair>): Labels {
    const entries: Iterable<LabelPair> = isIterable(source) ? source : Object.entries(source);
    const byName = new Map(entries);
    const pairs = [...byName].filter(([, value]) => value !== "");
    pairs.sort(([left], [right]) => compareStrings(left, right));
    return pairs.length === 0 ? Labels.EMPTY : new Labels(pairs);
  }

  /** For pairs known to be sorted by name, unique and without empty values. */
  static ofSorted(pairs: readonly LabelPair[]): Labels {
    return new Labels(pairs);
  }

  /** Unambiguous text of the whole set: names and values in order, separated by bytes that no UTF-8 text contains. */
  get key(): string {
    this.cachedKey ??= this.pairs
      .map(([name, value]) => `${name}\u{fffe}${value}`)
      .join("\u{ffff}");
    return this.cachedKey;
  }

  /** Empty string when there is no such label. */
  get(name: string): string {
    for (const [candidate, value] of this.pairs) if (candidate === name) return value;
    return "";
  }

  has(name: string): boolean {
    return this.get(name) !== "";
  }

  get name(): string {
    return this.get(METRIC_NAME);
  }

  /** A set with `changes` applied; an empty value removes the label. */
  with(changes: Readonly<Record<string, string>>): Labels {
    return Labels.of([...this.pairs, ...Object.entries(changes)]);
  }

  without(...names: readonly string[]): Labels {
    const kept = this.pairs.filter(([name]) => !names.includes(name));
    return kept.length === this.pairs.length ? this : new Labels(kept);
  }

  only(names: readonly string[]): Labels {
    return new Labels(this.pairs.filter(([name]) => names.includes(name)));
  }

  toObject(): Record<string, string> {
    const object: Record<string, string> = {};
    for (const [name, value] of this.pairs) {
      if (name === "__proto__") return Object.fromEntries(this.pairs);
      object[name] = value;
    }
    return object;
  }

  /** In PromQL notation: `name{a="b"}`. */
  toString(): string {
    const rest = this.pairs.filter(([name]) => name !== METRIC_NAME);
    const body = rest.map(([name, value]) => `${name}=${quoteLabelValue(value)}`).join(", ");
    return rest.length === 0 && this.name !== "" ? this.name : `${this.name}{${body}}`;
  }

  /**
   * The order of Prometheus' labels.Compare: pair by pair, name before value, the shorter set
   * first.
   */
  static compare(left: Labels, right: Labels): number {
    let at = 0;
    for (const [name, value] of left.pairs) {
      const other = right.pairs[at++];
      if (other === undefined) return 1;
      const order = compareStrings(name, other[0]) || compareStrings(value, other[1]);
      if (order !== 0) return order;
    }
    return left.pairs.length - right.pairs.length;
  }
}

/** Code-unit order: what `<` does, as a comparator. */
export function compareStrings(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A double-quoted label value with backslash, quote and line feed escaped. */
export function quoteLabelValue(value: string): string {
  if (!/["\\\n]/.test(value)) return `"${value}"`;
  return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Prometheus data model, names before UTF-8 names were allowed. */
/** Prometheus 3 takes every non-empty text in UTF-8 as the name of a label. */
export const isLabelName = (name: string): boolean => name !== "" && name.isWellFormed();

export const isLegacyLabelName = (name: string): boolean => LEGACY_LABEL_NAME.test(name);
export const isLegacyMetricName = (name: string): boolean => LEGACY_METRIC_NAME.test(name);

function isIterable(source: object): source is Iterable<LabelPair> {
  return Symbol.iterator in source;
}
