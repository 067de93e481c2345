import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import type { BenchFigure } from "./figure.js";
import { metricSum } from "./fleet-systems.js";
import { startInstalledScraper } from "./installed-scraper.js";

export interface BackfillFleetOptions {
  /** Number of Pis, each with a history of one day. */
  readonly targets: number;
}

const TOKEN = "a7".repeat(32);
const SCRAPE_SECONDS = 15;
const LOOK_EVERY_MS = 100;
const FILLED_WITHIN_MS = 3_600_000;

/** A new master fetches a day of history from each of its Pis, while it scrapes them. */
export async function benchBackfillFleet({
  targets,
}: BackfillFleetOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-backfill-fleet-"));
  const [pis, port] = [await freePort("0.0.0.0"), await freePort()];
  const master = `http://127.0.0.1:${port}`;
  const fleet = ChildProgram.ofOurs("test/bench/history-server.js", [
    String(pis),
    String(targets),
    TOKEN,
    master,
  ]);
  await waitFor("simulated Pis", () => (fleet.text.includes("ready") ? true : undefined), {
    withinMs: 300_000,
  });
  const scraper = startScraper({ folder, pis, port, targets });
  try {
    const startMs = performance.now();
    const stalls = { longestMs: 0 };
    const metrics = await waitFor(
      "all histories",
      async () => {
        const askedMs = performance.now();
        await (await fetch(`${master}/-/healthy`)).text();
        stalls.longestMs = Math.max(stalls.longestMs, performance.now() - askedMs);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        const text = await (await fetch(`${master}/metrics`)).text();
        return isDone(text, targets) ? text : undefined;
      },
      { withinMs: FILLED_WITHIN_MS, describe: () => scraper.text.slice(-5000) },
    );
    const seconds = (performance.now() - startMs) / 1000;
    const { cpuSeconds, residentBytes } = scraper.usage();
    const sum = (name: string): number => metricSum(metrics, new RegExp(`^${name}[{ ]`));
    const samples = sum("pihealth_backfill_samples_total");
    return [
      { name: `backfill: a day of each of ${targets} Pis`, unit: "s", ours: seconds, aim: "-" },
      {
        name: "backfill: live scrapes missed meanwhile",
        unit: "",
        ours: sum("pihealth_scrape_pool_missed_total"),
        aim: "0",
      },
      {
        name: "backfill: live scrapes meanwhile",
        unit: "",
        ours: sum("pihealth_scrape_pool_scrapes_total"),
        aim: "-",
      },
      {
        name: "backfill: live scrapes late, on average",
        unit: "ms",
        aim: "-",
        ours:
          (sum("pihealth_scrape_pool_late_seconds_total") /
            sum("pihealth_scrape_pool_scrapes_total")) *
          1000,
      },
      { name: "backfill: longest answer meanwhile", unit: "ms", ours: stalls.longestMs, aim: "-" },
      { name: "backfill: samples fetched", unit: "", ours: samples, aim: "-" },
      {
        name: "backfill: bytes on the wire per sample",
        unit: "B",
        ours: sum("pihealth_backfill_bytes_total") / samples,
        aim: "-",
      },
      {
        name: "backfill: CPU per sample, scrapes included",
        unit: "us",
        ours: (cpuSeconds * 1e6) / samples,
        aim: "-",
      },
      { name: "backfill: memory", unit: "MB", ours: residentBytes / 1e6, aim: "-" },
    ];
  } finally {
    await Promise.all([fleet.stop("SIGKILL"), scraper.stop("SIGKILL")]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** True when every Pi is stored, except for the last minute, and no transfer is running. */
function isDone(metrics: string, targets: number): boolean {
  const filled = metricSum(metrics, /^pihealth_backfill_filled_seconds_total /);
  return filled >= targets * 86_000 && metricSum(metrics, /^pihealth_backfill_active /) === 0;
}

function startScraper(options: {
  folder: string;
  pis: number;
  port: number;
  targets: number;
}): ChildProgram {
  const { folder, pis, port, targets } = options;
  const addresses = Array.from(
    { length: targets },
    (_, index) => `"127.1.${Math.floor(index / 250)}.${1 + (index % 250)}:${pis}"`,
  );
  writeFileSync(path.join(folder, "token"), `${TOKEN}\n`);
  writeFileSync(
    path.join(folder, "pihealthd.yml"),
    `
global: { scrape_interval: ${SCRAPE_SECONDS}s, scrape_timeout: 10s, evaluation_interval: 1h }
scrape_configs:
  - job_name: pi
    static_configs: [{ targets: [${addresses.join(", ")}] }]
storage: { path: ${folder}/data }
backfill: { bandwidth: 1GiB }
fleet: { token_file: ${folder}/token }
`,
  );
  return startInstalledScraper([
    `--config=${folder}/pihealthd.yml`,
    `--listen-address=127.0.0.1:${port}`,
  ]);
}
