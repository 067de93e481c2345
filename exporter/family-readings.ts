import type { FamilyReading, LabelledValue } from "./shared/model/human-lines.js";

interface NamedValue extends LabelledValue {
  readonly metric: string;
}

/** A reading of whatever was sampled or fetched; of a series given twice the first counts. */
export function createReading(values: Iterable<NamedValue>, timeMs: number): FamilyReading {
  const byMetric = new Map<string, LabelledValue[]>();
  for (const { metric, labels, value } of values) {
    const known = byMetric.get(metric);
    if (known === undefined) byMetric.set(metric, [{ labels, value }]);
    else known.push({ labels, value });
  }
  const series = (metric: string): readonly LabelledValue[] => byMetric.get(metric) ?? [];
  return {
    timeMs,
    series,
    value(metric, labels = {}) {
      const wanted = Object.entries(labels);
      return series(metric).find((one) =>
        wanted.every(([name, value]) => one.labels[name] === value),
      )?.value;
    },
  };
}
