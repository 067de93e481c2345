import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import { readOwnProcess } from "../../exporter/shared/platform/own-process.js";

/** What the scraper says of its own process. */
export function processMetrics({
  version,
  uptimeMs,
  hasFastZlib,
}: {
  version: string;
  uptimeMs: number;
  hasFastZlib: boolean;
}): OwnMetric[] {
  const facts = readOwnProcess();
  const gauge = (name: string, help: string, value: number, labels = {}): OwnMetric => ({
    name,
    help,
    type: "gauge",
    value,
    labels,
  });
  const metrics = [
    gauge("pihealth_scraper_build_info", "1, with the version of this scraper.", 1, {
      version,
      nodejs: process.version,
    }),
    gauge("pihealth_scraper_uptime_seconds", "Time since the start.", uptimeMs / 1000),
    gauge(
      "pihealth_scraper_fast_zlib",
      "1 when decompression reuses its tables, 0 when this Node.js only allows the slower way.",
      hasFastZlib ? 1 : 0,
    ),
    gauge(
      "pihealth_scraper_resident_memory_bytes",
      "Resident memory of this process.",
      facts.residentBytes,
    ),
    {
      name: "pihealth_scraper_cpu_seconds_total",
      help: "CPU time of this process.",
      type: "counter" as const,
      value: facts.cpuSeconds,
    },
  ];
  if (facts.openFiles === undefined) return metrics;
  return [
    ...metrics,
    gauge("pihealth_scraper_open_fds", "Open files of this process.", facts.openFiles),
  ];
}
