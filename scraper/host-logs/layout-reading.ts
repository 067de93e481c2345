import type { FamilyReading, LabelledValue } from "../../exporter/shared/model/human-lines.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import { bitsOf, isAbsentAt, isStaleAt } from "../../exporter/shared/model/special-values.js";

/** Place of a series in a row. */
interface Column {
  readonly index: number;
  readonly labels: Labels;
  readonly labelObject: Readonly<Record<string, string>>;
}

const NO_COLUMNS: readonly Column[] = [];

/**
 * The part of a storage layout that host logs need: the series of a row, in the order of its
 * values.
 */
export interface RowLayout {
  readonly series: readonly Labels[];
}

/**
 * Maps series to columns for every row of one layout. Computed once, however many hosts share the
 * layout.
 */
export class LayoutIndex {
  private readonly byMetric = new Map<string, Column[]>();

  constructor(layout: RowLayout) {
    for (const [index, labels] of layout.series.entries()) {
      if (!labels.name.startsWith("pihealth_")) continue;
      const column = { index, labels, labelObject: labels.without("__name__").toObject() };
      const columns = this.byMetric.get(labels.name);
      if (columns === undefined) this.byMetric.set(labels.name, [column]);
      else columns.push(column);
    }
  }

  columnsOf(metric: string): readonly Column[] {
    return this.byMetric.get(metric) ?? NO_COLUMNS;
  }

  /** Column of the series of the metric with this label value; undefined when there is none. */
  findColumn(metric: string, label: string, value: string): number | undefined {
    return this.columnsOf(metric).find(({ labels }) => labels.get(label) === value)?.index;
  }
}

/**
 * Reads one scraped row for the human lines. It reads the row in place, so it is valid only until
 * the row is reused.
 */
export class LayoutReading implements FamilyReading {
  private readonly bits: Uint32Array;

  constructor(
    readonly timeMs: number,
    private readonly index: LayoutIndex,
    private readonly values: Float64Array,
  ) {
    this.bits = bitsOf(values);
  }

  value(metric: string, wanted?: Readonly<Record<string, string>>): number | undefined {
    for (const { index, labelObject } of this.index.columnsOf(metric)) {
      if (!this.isThere(index)) continue;
      if (wanted === undefined || hasLabels(labelObject, wanted)) return this.values[index];
    }
    return undefined;
  }

  series(metric: string): readonly LabelledValue[] {
    const there = this.index.columnsOf(metric).filter(({ index }) => this.isThere(index));
    return there.map(({ index, labelObject }) => ({
      labels: labelObject,
      value: this.values[index] as number,
    }));
  }

  private isThere(index: number): boolean {
    return !isStaleAt(this.bits, index) && !isAbsentAt(this.bits, index);
  }
}

function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  for (const name in wanted) if ((labels[name] ?? "") !== wanted[name]) return false;
  return true;
}
