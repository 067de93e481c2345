import { quoteLabelValue } from "../../model/labels.js";
import type { Sample } from "../../model/metric.js";

/**
 * Writes samples in the text format 0.0.4. The samples of one metric are grouped, and metrics are
 * in the order of their first samples.
 */
export function writeExposition(samples: Iterable<Sample>): string {
  const families = new Map<string, string>();
  for (const sample of samples) {
    const { metric, value } = sample;
    const written = families.get(metric.name) ?? headOf(metric);
    const line = `${formatSeries(sample)} ${formatSampleValue(value)}\n`;
    families.set(metric.name, written + line);
  }
  return [...families.values()].join("");
}

function headOf({ name, help, type }: Sample["metric"]): string {
  return `${formatHelp(name, help)}# TYPE ${name} ${type}\n`;
}

/** The `# HELP` line of the text format 0.0.4, with its line feed. */
export function formatHelp(name: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`;
}

/** The name and the labels of a sample, as in `a_total{b="c"}`; labels in the order of the definition. */
export function formatSeries({ metric, labels }: Sample): string {
  const pairs = metric.labels.map((label) => `${label}=${quoteLabelValue(labels[label] ?? "")}`);
  return pairs.length === 0 ? metric.name : `${metric.name}{${pairs.join(",")}}`;
}

/** A value as prom-client writes it, but with `NaN`; zero has no sign. */
export function formatSampleValue(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
