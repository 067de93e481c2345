import assert from "node:assert/strict";
import type { MetricsSource } from "../../exporter/shared/model/metric.js";

/**
 * The current values of a metric, one for each series that has at least the given labels. Fails when
 * the source does not list the metric, or reports one that it does not list.
 */
export function valuesOf(
  source: MetricsSource,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number[] {
  const listed = new Set(source.metrics);
  assert.ok(
    [...listed].some((metric) => metric.name === name),
    `${name} is not listed`,
  );
  const wanted = Object.entries(labels);
  const samples = source.readMetrics();
  for (const { metric } of samples) assert.ok(listed.has(metric), `${metric.name} is not listed`);
  return samples
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
