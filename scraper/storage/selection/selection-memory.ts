import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { LabelMatcher } from "../model/label-matcher.js";

/** Lists of matchers to remember. A dashboard repeats a few dozen, rules may have thousands. */
const MAX_REMEMBERED = 4096;

/** The wanted columns of a layout. One object for all tables with that layout and outcome. */
export interface SelectedColumns {
  /** Ascending. */
  readonly columns: Uint32Array;
  /** One per column. */
  readonly labels: readonly Labels[];
}

/** Results of one list of matchers. They never expire, because layouts and labels do not change. */
export interface RememberedMatchers {
  /** The matchers that the labels of a target satisfy, one bit each. */
  readonly satisfiedBy: WeakMap<Labels, number>;
  /** By layout or list of series, then by the satisfied matchers. */
  readonly columns: WeakMap<object, Map<number, SelectedColumns>>;
  /** By window of a table, for windows with the columns of several layouts. */
  readonly windows: WeakMap<object, WindowColumns>;
}

/** The wanted columns of a window while it has this many. */
export interface WindowColumns {
  readonly columnCount: number;
  readonly clears: number;
  readonly selected: SelectedColumns;
}

/** Remembers results of matchers, so that the next query with the same matchers evaluates none. */
export class SelectionMemory {
  private readonly known = new Map<string, RememberedMatchers>();

  of(matchers: readonly LabelMatcher[]): RememberedMatchers {
    const key = matchers.map((matcher) => matcher.toString()).join(",");
    const remembered = this.known.get(key) ?? {
      satisfiedBy: new WeakMap<Labels, number>(),
      columns: new WeakMap<object, Map<number, SelectedColumns>>(),
      windows: new WeakMap<object, WindowColumns>(),
    };
    this.known.delete(key);
    this.known.set(key, remembered); // The most recently used list is last.
    for (const oldest of this.known.keys()) {
      if (this.known.size <= MAX_REMEMBERED) break;
      this.known.delete(oldest);
    }
    return remembered;
  }
}
