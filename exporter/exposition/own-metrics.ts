import { counter, gauge, type Sample } from "../shared/model/metric.js";
import { readOwnProcess } from "../shared/platform/own-process.js";
import type { MetricsSource } from "./metrics-source.js";

export const BUILD_INFO = gauge({
  name: "pihealth_exporter_build_info",
  help: "Constant 1, with the version of the exporter and of Node.js.",
  labels: ["version", "nodejs"],
});
export const START_TIME_SECONDS = gauge({
  name: "pihealth_exporter_start_time_seconds",
  help: "When the exporter started, in seconds since the Unix epoch.",
});
export const CPU_SECONDS_TOTAL = counter({
  name: "pihealth_exporter_cpu_seconds_total",
  help: "Processor time the exporter itself has used, user and system, in seconds.",
});
export const RESIDENT_MEMORY_BYTES = gauge({
  name: "pihealth_exporter_resident_memory_bytes",
  help: "Memory of the exporter that is resident, in bytes.",
});
export const OPEN_FDS = gauge({
  name: "pihealth_exporter_open_fds",
  help: "File descriptors the exporter has open.",
});

interface OwnMetricsOptions {
  readonly version: string;
  readonly nodejs: string;
  readonly startWallMs: number;
}

/** The exporter's own use of the machine, read at the moment metrics are prepared. */
export function createOwnMetrics({
  version,
  nodejs,
  startWallMs,
}: OwnMetricsOptions): MetricsSource {
  return {
    metrics: OWN_METRICS,
    read() {
      const { cpuSeconds, residentBytes, openFiles } = readOwnProcess();
      const samples: Sample[] = [
        BUILD_INFO.sample(1, { version, nodejs }),
        START_TIME_SECONDS.sample(startWallMs / 1000),
        CPU_SECONDS_TOTAL.sample(cpuSeconds),
        RESIDENT_MEMORY_BYTES.sample(residentBytes),
      ];
      if (openFiles !== undefined) samples.push(OPEN_FDS.sample(openFiles));
      return samples;
    },
  };
}

export const OWN_METRICS = [
  BUILD_INFO,
  START_TIME_SECONDS,
  CPU_SECONDS_TOTAL,
  RESIDENT_MEMORY_BYTES,
  OPEN_FDS,
];
