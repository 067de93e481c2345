import assert from "node:assert/strict";
import { after, test } from "node:test";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { startScraper } from "../../../scraper/app/app.js";
import { metricsCatalogue } from "../../../scraper/app/metrics-catalogue.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { promtoolCheckMetrics } from "../../support/promtool.js";

/** Uses every part that has metrics; the target exceeds its limit. */
const CONFIG = `
scrape_configs:
  - { job_name: pi, sample_limit: 1, static_configs: [{ targets: ["10.0.0.7:8732"] }] }
rule_files: [rules.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["10.0.0.8:9093"] }] }] }
`;
const RULES = `
groups: [{ name: pi, rules: [{ alert: Down, expr: up == 0 }] }]
`;

/** Have series only for hosts that have moved or are copies. */
const SHOWN_FOR_SUCH_HOSTS = ["pihealth_fleet_clone_info", "pihealth_fleet_moved_info"];

const clock = new FakeClock();
const files = new MemoryFiles();
files.put("/etc/pihealth/rules.yml", RULES);
const config = await parseScraperConfig(CONFIG, "/etc/pihealth/pihealthd.yml", files);
const body = Buffer.from("a 1\nb 2\n");
const app = await startScraper(
  { ...config, web: { ...config.web, port: 0 } },
  {
    clock,
    files,
    sendHttp: async () => ({ status: 200, headers: {}, body }),
    resolveHost: async () => [],
    log: silentLogger,
    version: "0.0.0",
    random: () => 0.5,
    workingFolder: "/",
    loadConfig: async () => config,
  },
);
after(() => app.stop());

const fetchMetrics = async (): Promise<string> =>
  (await fetch(`http://127.0.0.1:${app.port}/metrics`)).text();
// The first request is in the metrics of the second one.
await clock.advance(120_000);
await fetchMetrics();
const text = await fetchMetrics();

test("a running scraper serves exactly the metrics of its catalogue, with type and help", () => {
  const catalogue = metricsCatalogue()
    .flatMap((section) => section.metrics)
    .filter(({ name }) => !SHOWN_FOR_SUCH_HOSTS.includes(name));
  const expected = catalogue.map(
    ({ name, type, help }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}`,
  );
  const shown = text.match(/^# HELP .*\n# TYPE .*$/gm) ?? [];
  assert.deepEqual(shown.sort(), expected.sort());
});

test("promtool finds nothing wrong with the metrics of a running scraper", () => {
  assert.equal(promtoolCheckMetrics(text), "");
});
