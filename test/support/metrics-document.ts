import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../exporter/collectors/collector-settings.js";
import { renderMetricsDocument } from "../../exporter/exposition/metrics-document.js";
import { metricsCatalogue } from "../../exporter/app/metrics-catalogue.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { createSources } from "../../exporter/sources/sources.js";
import { FakeClock } from "./fake-clock.js";
import { REPOSITORY } from "./repository.js";

export const METRICS_DOCUMENT = path.join(REPOSITORY, "docs/metrics.md");

export function currentMetricsDocument(): string {
  const sources = createSources({ clock: new FakeClock(), files: realFiles });
  return renderMetricsDocument(metricsCatalogue(sources, DEFAULT_COLLECTOR_SETTINGS));
}

/**
 * Run as a program, this writes the document anew: `node dist/test/support/metrics-document.js`.
 */
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(METRICS_DOCUMENT, currentMetricsDocument());
}
