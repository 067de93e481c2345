import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";

/** Renders metrics in the text format 0.0.4. Metrics of one name are grouped, whatever their place in the list. */
export function renderOwnMetrics(metrics: readonly OwnMetric[]): string {
  const byName = new Map<string, OwnMetric[]>();
  for (const metric of metrics) {
    const family = byName.get(metric.name);
    if (family === undefined) byName.set(metric.name, [metric]);
    else family.push(metric);
  }
  return [...byName.values()].map(renderFamily).join("");
}

function renderFamily(family: readonly OwnMetric[]): string {
  const { name, help, type } = itemAt(family, 0);
  const lines = family.map(
    ({ labels, value }) => `${name}${renderLabels(labels ?? {})} ${renderValue(value)}\n`,
  );
  return `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escapeValue = (value: string): string =>
  value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");

function renderValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
