import { hashText } from "../../../exporter/shared/model/hash.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";

/** Columns are this many at most: a layout has fewer series. */
const COLUMNS = 2 ** 20;

/**
 * The columns of a layout by the hash of their metric name, in 8 bytes each. It is made when a second
 * selector looks at the layout, so that thousands of rules do not look at each series each.
 */
export class NamedColumns {
  /** Ascending: hash of the name times `COLUMNS`, plus the column. */
  private readonly keys: Float64Array;

  constructor(series: readonly Labels[]) {
    this.keys = new Float64Array(series.length);
    let before = "";
    let hash = hashText("");
    let column = 0;
    for (const { name } of series) {
      if (name !== before) hash = hashText((before = name));
      this.keys[column] = hash * COLUMNS + column;
      column++;
    }
    this.keys.sort();
  }

  /** Columns whose name may be this one, ascending. */
  *with(name: string): Iterable<number> {
    const first = hashText(name) * COLUMNS;
    for (let index = this.firstAtOrAfter(first); index < this.keys.length; index++) {
      const column = (this.keys[index] as number) - first;
      if (column >= COLUMNS) return;
      yield column;
    }
  }

  private firstAtOrAfter(key: number): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const known = new WeakMap<object, NamedColumns | "asked">();

/** The columns of a layout by name; undefined when nobody has asked for them before. */
export function namedColumnsOf(layout: {
  readonly series: readonly Labels[];
}): NamedColumns | undefined {
  const before = known.get(layout);
  if (before instanceof NamedColumns) return before;
  const named = before === undefined ? "asked" : new NamedColumns(layout.series);
  known.set(layout, named);
  return named === "asked" ? undefined : named;
}
