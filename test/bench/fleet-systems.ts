import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ChildProgram } from "../support/child-program.js";
import { startInstalledScraper } from "./installed-scraper.js";

/** The fleet that a system scrapes, and its data folder. */
export interface FleetJob {
  /** `address:port` of each target. */
  readonly addresses: readonly string[];
  readonly intervalSeconds: number;
  readonly folder: string;
  readonly ownPort: number;
  /** Options of Node.js for our own program, for profiles. */
  readonly nodeFlags: readonly string[];
}

/** A program that scrapes and stores, and its metrics that count samples. */
export interface FleetSystem {
  readonly name: string;
  readonly start: (job: FleetJob) => ChildProgram;
  readonly samplesMetric: RegExp;
  readonly seriesMetric: RegExp;
  /** Scrapes missed or failed, if the system reports them. */
  readonly missedMetric?: RegExp;
}

export const FLEET_SYSTEMS: readonly FleetSystem[] = [
  {
    name: "pihealth",
    samplesMetric: /^pihealth_storage_samples_appended_total /,
    seriesMetric: /^pihealth_storage_head_series /,
    missedMetric: /^pihealth_scrape_pool_(missed|failures)_total\{/,
    start: (job) => {
      const storage = `storage: { path: ${path.join(job.folder, "data")} }\n`;
      const web = `web: { listen_address: 127.0.0.1, port: ${job.ownPort} }\n`;
      const config = writeConfig(job, storage + web);
      return startInstalledScraper(["--config", config], job.nodeFlags);
    },
  },
  {
    name: "Prometheus",
    samplesMetric: /^prometheus_tsdb_head_samples_appended_total[ {]/,
    seriesMetric: /^prometheus_tsdb_head_series /,
    start: (job) =>
      new ChildProgram("prometheus", [
        `--config.file=${writeConfig(job)}`,
        `--storage.tsdb.path=${path.join(job.folder, "data")}`,
        `--web.listen-address=127.0.0.1:${job.ownPort}`,
      ]),
  },
  {
    name: "VictoriaMetrics",
    samplesMetric: /^vm_rows_inserted_total\{type="promscrape"\} /,
    seriesMetric: /^vm_cache_entries\{type="storage\/hour_metric_ids"\} /,
    start: (job) =>
      new ChildProgram("victoria-metrics", [
        `-promscrape.config=${writeConfig(job)}`,
        `-storageDataPath=${path.join(job.folder, "data")}`,
        `-httpListenAddr=127.0.0.1:${job.ownPort}`,
      ]),
  },
];

/** All three read the same file; ours has additional sections. */
function writeConfig(job: FleetJob, more = ""): string {
  const { folder, addresses, intervalSeconds } = job;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "targets.json"), JSON.stringify([{ targets: addresses }]));
  const file = path.join(folder, "scrape.yml");
  const timeoutSeconds = Math.min(10, intervalSeconds);
  writeFileSync(
    file,
    `global: { scrape_interval: ${intervalSeconds}s, scrape_timeout: ${timeoutSeconds}s }\n` +
      `scrape_configs:\n  - job_name: fleet\n    file_sd_configs: [{ files: [targets.json] }]\n${more}`,
  );
  return file;
}

/** Sum of all samples of the metric in a system's own `/metrics`; 0 when there are none. */
export function metricSum(body: string, metric: RegExp): number {
  const lines = body.split("\n").filter((line) => metric.test(line));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
