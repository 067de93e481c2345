import { counter, gauge, type MetricsSource, type Sample } from "../shared/model/metric.js";
import { readOwnProcess } from "../shared/platform/process.js";

export const PROCESS_METRICS = {
  buildInfo: gauge({
    name: "pihealth_exporter_build_info",
    help: "Always 1; the labels have the version of the exporter and of Node.js.",
    labels: ["version", "nodejs"],
  }),
  startTimeSeconds: gauge({
    name: "pihealth_exporter_start_time_seconds",
    help: "Start time of the exporter in seconds since the Unix epoch.",
  }),
  cpuSeconds: counter({
    name: "pihealth_exporter_cpu_seconds_total",
    help: "CPU time used by the exporter process, user and system, in seconds.",
  }),
  residentMemoryBytes: gauge({
    name: "pihealth_exporter_resident_memory_bytes",
    help: "Resident memory of the exporter process in bytes.",
  }),
  openFds: gauge({
    name: "pihealth_exporter_open_fds",
    help: "Open file descriptors of the exporter process.",
  }),
  fastZlib: gauge({
    name: "pihealth_exporter_fast_zlib",
    help: "1 when compression reuses its tables, 0 when this Node.js only allows the slower way.",
  }),
};

interface ProcessMetricsOptions {
  readonly version: string;
  readonly nodejs: string;
  readonly startWallMs: number;
  readonly hasFastZlib: boolean;
}

/** The exporter's own use of the machine, read at the moment metrics are prepared. */
export function createProcessMetrics({
  version,
  nodejs,
  startWallMs,
  hasFastZlib,
}: ProcessMetricsOptions): MetricsSource {
  return {
    metrics: Object.values(PROCESS_METRICS),
    readMetrics() {
      const { cpuSeconds, residentBytes, openFiles } = readOwnProcess();
      const samples: Sample[] = [
        PROCESS_METRICS.buildInfo.sample(1, { version, nodejs }),
        PROCESS_METRICS.startTimeSeconds.sample(startWallMs / 1000),
        PROCESS_METRICS.cpuSeconds.sample(cpuSeconds),
        PROCESS_METRICS.residentMemoryBytes.sample(residentBytes),
        PROCESS_METRICS.fastZlib.sample(hasFastZlib ? 1 : 0),
      ];
      if (openFiles !== undefined) samples.push(PROCESS_METRICS.openFds.sample(openFiles));
      return samples;
    },
  };
}
