/**
 * The documents that list all metrics of a program, generated from the definitions.
 *
 * Run as a program, this writes them: `npm run docs`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { metricsCatalogue as exporterCatalogue } from "../../exporter/app/metrics-catalogue.js";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../exporter/collectors/collector-settings.js";
import type { MetricsSection } from "../../exporter/shared/model/metric.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { createSources } from "../../exporter/sources/sources.js";
import { metricsCatalogue as scraperCatalogue } from "../../scraper/app/metrics-catalogue.js";
import { FakeClock } from "./fake-clock.js";
import { REPOSITORY } from "./repository.js";

export interface MetricsDocument {
  /** Relative to the repository. */
  readonly file: string;
  readonly title: string;
  readonly introduction: string;
  readonly sections: readonly MetricsSection[];
}

export const EXPORTER_METRICS: MetricsDocument = {
  file: "docs/metrics.md",
  title: "Metrics of the exporter",
  introduction: `All metrics at \`/metrics\` of the exporter, in the Prometheus text format 0.0.4 and in OpenMetrics 1.0,
where the declared name of a counter has no \`_total\`. Values are in base units. Ratios go from 0 to 1.
The metrics of the scraper are in [metrics-scraper.md](metrics-scraper.md).

Each section is one collector, by its name in the configuration and in
\`pihealth_collector_success{collector}\`. A collector that fails keeps its last values for two of
its intervals and its deadline; then its series disappear until it succeeds again. A collector whose
hardware does not exist on this machine, such as a thermal zone, succeeds without series.
`,
  sections: exporterCatalogue(
    createSources({ clock: new FakeClock(), files: realFiles }),
    DEFAULT_COLLECTOR_SETTINGS,
  ),
};

export const SCRAPER_METRICS: MetricsDocument = {
  file: "docs/metrics-scraper.md",
  title: "Metrics of the scraper",
  introduction: `All metrics that the scraper reports about itself at \`/metrics\`, in the Prometheus text format 0.0.4. They
are not stored unless a scrape job scrapes the scraper; the default configuration has such a job.
Values are in base units. Counters start at 0 with each start of the scraper. The metrics of the Pis
are in [metrics.md](metrics.md).
`,
  sections: scraperCatalogue(),
};

export const METRICS_DOCUMENTS: readonly MetricsDocument[] = [EXPORTER_METRICS, SCRAPER_METRICS];

/**
 * A metric of several sections is described in the first one only.
 *
 * @returns Markdown
 */
export function renderMetricsDocument({ title, introduction, sections }: MetricsDocument): string {
  const described = new Set<string>();
  const parts = sections.map((section) => {
    const rows = section.metrics.map(({ name, type, labels, help }) => {
      const text = described.has(name) ? "As above." : help.replaceAll("|", "\\|");
      described.add(name);
      const labelNames = labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${labelNames} | ${text} |\n`;
    });
    return `## ${section.title}\n\n| metric | type | labels | |\n|---|---|---|---|\n${rows.join("")}`;
  });
  const notice = "<!-- Generated from the definitions by `npm run docs`: do not edit. -->";
  return [`# ${title}\n`, `${notice}\n`, introduction, ...parts].join("\n");
}

/** The document as it is in the repository. */
export function storedMetricsDocument({ file }: MetricsDocument): string {
  return readFileSync(path.join(REPOSITORY, file), "utf8");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const document of METRICS_DOCUMENTS) {
    writeFileSync(path.join(REPOSITORY, document.file), renderMetricsDocument(document));
  }
}
