import { type LabelPair, Labels } from "../../../exporter/shared/model/labels.js";

/** Rough memory of a cached label set: its pairs are shared with the layout and the target. */
const LABEL_SET_BYTES = 250;

/** Joins the labels of series with the labels of their targets, once for all queries that want them. */
export class TargetLabelCache {
  private readonly byTarget = new Map<Labels, Map<Labels, Labels>>();
  private count = 0;

  constructor(private readonly maxBytes: number) {}

  get sizeBytes(): number {
    return this.count * LABEL_SET_BYTES;
  }

  /** As `withTargetLabels`. */
  join(own: Labels, target: Labels): Labels {
    let ofTarget = this.byTarget.get(target);
    const known = ofTarget?.get(own);
    if (known !== undefined) return known;
    if (this.sizeBytes >= this.maxBytes) {
      this.byTarget.clear();
      this.count = 0;
      ofTarget = undefined;
    }
    if (ofTarget === undefined) this.byTarget.set(target, (ofTarget = new Map<Labels, Labels>()));
    const full = withTargetLabels(own, target);
    ofTarget.set(own, full);
    this.count++;
    return full;
  }
}

/** All labels of a series: its own, and the labels of its target that it does not override. */
export function withTargetLabels(own: Labels, target: Labels): Labels {
  if (target.pairs.length === 0) return own;
  const pairs: LabelPair[] = [];
  const rest = target.pairs.values();
  let next = rest.next();
  for (const pair of own.pairs) {
    for (; next.done !== true && next.value[0] < pair[0]; next = rest.next())
      pairs.push(next.value);
    if (next.done !== true && next.value[0] === pair[0]) next = rest.next();
    pairs.push(pair);
  }
  for (; next.done !== true; next = rest.next()) pairs.push(next.value);
  return Labels.ofSorted(pairs);
}
