import type { MetricDefinition } from "../shared/model/metric.js";

export interface MetricsSection {
  readonly title: string;
  readonly metrics: readonly MetricDefinition[];
}

const HEAD = `# Metrics of the exporter

<!-- Generated from the definitions by exporter/exposition/metrics-document.ts: do not edit. -->

Everything at \`/metrics\`, in the Prometheus text format 0.0.4 and in OpenMetrics 1.0 (where a
counter's type is declared without \`_total\`). Values are in base units. Ratios go from 0 to 1.

Each section is one collector, by its name in the configuration and in
\`pihealth_collector_success{collector}\`. A collector that fails keeps its last values for two of
its intervals and its deadline; then its series are left out until it succeeds again. One that finds
nothing to read on this machine, such as a thermal zone, is a success without series.
`;

/**
 * docs/metrics.md. A metric several collectors offer is described with the first and named with the
 * others.
 *
 * @returns Markdown
 */
export function renderMetricsDocument(sections: readonly MetricsSection[]): string {
  const described = new Set<string>();
  const parts = sections.map(({ title, metrics }) => {
    const rows = metrics.map((metric) => {
      const help = described.has(metric.name) ? "As above." : metric.help;
      described.add(metric.name);
      const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${metric.name}\` | ${metric.type} | ${labels} | ${help.replaceAll("|", "\\|")} |`;
    });
    return [
      `## ${title}`,
      "",
      "| metric | type | labels | |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
  });
  return [HEAD, ...parts].join("\n");
}
