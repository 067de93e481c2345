import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { FAMILIES } from "../../exporter/shared/model/family.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { HostLogs } from "../../scraper/host-logs/host-logs.js";
import type { BenchFigure } from "./figure.js";

const SAMPLED = "pihealth_collector_last_success_timestamp_seconds";
const START_SECONDS = 1_768_230_000;
/** Scrapes of each host: so many lines wait for the stop. */
const SCRAPES = 5;

/** What the lines for people cost: making them, and writing every log of every host at the stop. */
export async function benchHostLogs({ targets }: { readonly targets: number }): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-host-logs-"));
  const settings = { isEnabled: true, linesPerWrite: 10, maxWaitMs: 600_000, maxFileBytes: 1_048_576, maxOldFiles: 10 };
  const hostLogs = new HostLogs({ folder, files: realFiles, clock: systemClock, log: silentLogger, settings });
  const names = ["disk_size_bytes", "filesystem_readonly", "malicious_process_cpu_ratio"];
  const labels = [{ disk: "mmcblk0" }, { mountpoint: "/" }, { comm: "stress", pid: "1", user: "pi" }];
  const series = [
    ...FAMILIES.map((family) => Labels.of({ __name__: SAMPLED, collector: family })),
    ...names.map((name, index) => Labels.of({ __name__: `pihealth_${name}`, ...labels[index] })),
  ];
  const layout = { series };
  const values = new Float64Array(series.length).fill(0.5);
  const before = process.memoryUsage().rss;
  const takingCpu = process.cpuUsage();
  for (let scrape = 0; scrape < SCRAPES; scrape++) {
    values.fill(START_SECONDS + 15 * scrape, 0, FAMILIES.length);
    for (let host = 0; host < targets; host++) {
      const address = `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
      hostLogs.receiveScrape({ host: address, port: 8732 }, START_SECONDS * 1000, layout, values);
    }
  }
  const taken = process.cpuUsage(takingCpu);
  const held = process.memoryUsage().rss - before;
  const [stopMs, stopCpu] = [performance.now(), process.cpuUsage()];
  await hostLogs.stop();
  const seconds = (performance.now() - stopMs) / 1000;
  const written = process.cpuUsage(stopCpu);
  const lines = hostLogs.metrics().find(({ name }) => name === "pihealth_host_log_lines_total")?.value ?? 0;
  rmSync(folder, { recursive: true, force: true });
  const files = targets * FAMILIES.length;
  return [
    { name: `host-logs: stop with ${files} new files`, unit: "s", ours: seconds, aim: "<= 25" },
    { name: "host-logs: CPU to make a line", unit: "us", ours: (taken.user + taken.system) / lines, aim: "-" },
    { name: "host-logs: CPU to write a file", unit: "us", ours: (written.user + written.system) / files, aim: "-" },
    { name: "host-logs: memory of a waiting line", unit: "B", ours: held / lines, aim: "-" },
    { name: "host-logs: lines", unit: "", ours: lines, aim: "-" },
  ];
}
