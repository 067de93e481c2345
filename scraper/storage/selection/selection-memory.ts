import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { LabelMatcher } from "../model/label-matcher.js";

/** Lists of matchers that are remembered: a dashboard asks for some dozens again and again. */
const MAX_REMEMBERED = 256;

/** What of a layout is wanted. The same object for every table with that layout that is treated alike. */
export interface SelectedColumns {
  /** Ascending. */
  readonly columns: Uint32Array;
  /** As many. */
  readonly labels: readonly Labels[];
}

/** What is known of one list of matchers, whatever is stored since. */
export interface RememberedMatchers {
  /** The matchers that a target's labels satisfy, one bit each. */
  readonly satisfiedBy: WeakMap<Labels, number>;
  /** By layout or list of series, then by the satisfied matchers. */
  readonly columns: WeakMap<object, Map<number, SelectedColumns>>;
}

/**
 * What matchers found in layouts and target labels, which never change: the next query with the
 * same matchers need not look at label sets again.
 */
export class SelectionMemory {
  private readonly known = new Map<string, RememberedMatchers>();

  of(matchers: readonly LabelMatcher[]): RememberedMatchers {
    const key = matchers.map((matcher) => matcher.toString()).join(",");
    let remembered = this.known.get(key);
    if (remembered === undefined)
      remembered = { satisfiedBy: new WeakMap(), columns: new WeakMap() };
    else this.known.delete(key);
    this.known.set(key, remembered);
    if (this.known.size > MAX_REMEMBERED) {
      this.known.delete(this.known.keys().next().value as string);
    }
    return remembered;
  }
}
