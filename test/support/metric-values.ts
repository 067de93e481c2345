import type { MetricsSource } from "../../exporter/shared/model/metric.js";

/** The current values of a metric, one for each series that has at least the given labels. */
export function valuesOf(
  source: MetricsSource,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number[] {
  const wanted = Object.entries(labels);
  return source
    .readMetrics()
    .filter(({ metric }) => metric.name === name)
    .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
    .map(({ value }) => value);
}

/** The value of the first such series; undefined when there is none. */
export function valueOf(
  source: MetricsSource,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return valuesOf(source, name, labels)[0];
}
