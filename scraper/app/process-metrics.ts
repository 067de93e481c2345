import {
  counter,
  gauge,
  type MetricsSource,
  type Sample,
} from "../../exporter/shared/model/metric.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { readOwnProcess, readWrittenBytes } from "../../exporter/shared/platform/process.js";

export const PROCESS_METRICS = {
  buildInfo: gauge({
    name: "pihealth_scraper_build_info",
    help: "Always 1; the labels have the version of the scraper and of Node.js.",
    labels: ["version", "nodejs"],
  }),
  uptimeSeconds: gauge({
    name: "pihealth_scraper_uptime_seconds",
    help: "Time since the start of the scraper in seconds.",
  }),
  cpuSeconds: counter({
    name: "pihealth_scraper_cpu_seconds_total",
    help: "CPU time used by the scraper process, user and system, in seconds.",
  }),
  fastZlib: gauge({
    name: "pihealth_scraper_fast_zlib",
    help: "1 when decompression reuses its tables, 0 when this Node.js only allows the slower way.",
  }),
  residentMemoryBytes: gauge({
    name: "pihealth_scraper_resident_memory_bytes",
    help: "Resident memory of the scraper process in bytes.",
  }),
  openFds: gauge({
    name: "pihealth_scraper_open_fds",
    help: "Open file descriptors of the scraper process.",
  }),
  writtenBytes: counter({
    name: "pihealth_scraper_written_bytes_total",
    help: "Bytes that the scraper process has caused the disk to write, in whole pages.",
  }),
};

interface ProcessMetricsOptions {
  readonly version: string;
  readonly hasFastZlib: boolean;
  readonly clock: Clock;
  readonly startedMs: number;
}

/** The process of the scraper, read at each request to `/metrics`. */
export function createProcessMetrics(options: ProcessMetricsOptions): MetricsSource {
  const { version, hasFastZlib, clock, startedMs } = options;
  return {
    metrics: Object.values(PROCESS_METRICS),
    readMetrics() {
      const { cpuSeconds, residentBytes, openFiles } = readOwnProcess();
      const writtenBytes = readWrittenBytes();
      const samples: Sample[] = [
        PROCESS_METRICS.buildInfo.sample(1, { version, nodejs: process.version }),
        PROCESS_METRICS.uptimeSeconds.sample((clock.wallMs() - startedMs) / 1000),
        PROCESS_METRICS.cpuSeconds.sample(cpuSeconds),
        PROCESS_METRICS.fastZlib.sample(hasFastZlib ? 1 : 0),
        PROCESS_METRICS.residentMemoryBytes.sample(residentBytes),
      ];
      if (writtenBytes !== undefined)
        samples.push(PROCESS_METRICS.writtenBytes.sample(writtenBytes));
      if (openFiles !== undefined) samples.push(PROCESS_METRICS.openFds.sample(openFiles));
      return samples;
    },
  };
}
