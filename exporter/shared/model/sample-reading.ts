import { METRIC_NAME, type Labels } from "./labels.js";
import type { FamilyReading, LabelledValue } from "./human-lines.js";

/** A value with the name of its metric, from any source. */
export interface NamedValue extends LabelledValue {
  readonly name: string;
}

/** Separates the metric's name from the labels of a body or response. */
export function namedValue({
  labels,
  value,
}: {
  readonly labels: Labels;
  readonly value: number;
}): NamedValue {
  return { name: labels.name, labels: labels.without(METRIC_NAME).toObject(), value };
}

/**
 * Values of one time, found by metric and labels. If a series occurs twice, the first sample
 * counts.
 */
export class SampleReading implements FamilyReading {
  private readonly byName = new Map<string, LabelledValue[]>();

  constructor(
    readonly timeMs: number,
    values: Iterable<NamedValue>,
  ) {
    for (const { name, labels, value } of values) {
      const series = this.byName.get(name);
      if (series === undefined) this.byName.set(name, [{ labels, value }]);
      else series.push({ labels, value });
    }
  }

  value(metric: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels);
    const matches = (series: LabelledValue): boolean =>
      wanted.every(([name, value]) => (series.labels[name] ?? "") === value);
    return this.byName.get(metric)?.find(matches)?.value;
  }

  series(metric: string): readonly LabelledValue[] {
    return this.byName.get(metric) ?? [];
  }
}
