import type { Labels } from "../../../exporter/shared/model/labels.js";

/** Sets of names kept to be shared; hosts of one kind have one. */
const MAX_SHARED = 1024;

/** The label names that lists of series have, each set of names kept once. */
export class OwnNames {
  private readonly bySeries = new WeakMap<readonly Labels[], ReadonlySet<string>>();
  private readonly shared = new Map<string, ReadonlySet<string>>();

  of(series: readonly Labels[]): ReadonlySet<string> {
    const known = this.bySeries.get(series);
    if (known !== undefined) return known;
    const names = new Set(series.flatMap(({ pairs }) => pairs.map(([name]) => name)));
    const key = [...names].sort().join("\u{ffff}");
    let shared = this.shared.get(key);
    if (shared === undefined) {
      if (this.shared.size >= MAX_SHARED) this.shared.clear();
      this.shared.set(key, (shared = names));
    }
    this.bySeries.set(series, shared);
    return shared;
  }
}
