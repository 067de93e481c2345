import type { Labels } from "../../../exporter/shared/model/labels.js";
import { withTargetLabels } from "./series-selection.js";

/** What a label set costs here, roughly: its pairs are those of the layout and of the target. */
const FULL_LABELS_BYTES = 250;

/** Label sets of series with those of their targets, made once for all queries that ask for them. */
export class FullLabels {
  private readonly byTarget = new Map<Labels, Map<Labels, Labels>>();
  private count = 0;

  constructor(private readonly maxBytes: number) {}

  get sizeBytes(): number {
    return this.count * FULL_LABELS_BYTES;
  }

  /** The labels of a series: those of its layout, and those of its target that it lacks. */
  of(own: Labels, target: Labels): Labels {
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
