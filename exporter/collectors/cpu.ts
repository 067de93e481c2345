/**
 * Processor usage, as a ratio over a window of half a second and as counters per core and mode.
 *
 * Source: /proc/stat, read at both ends of the window. Times are ticks since boot (proc_stat(5)).
 */
import {
  CPU_MODES,
  cpuUsageRatio,
  readCpuTimes,
  readTotalCpuTimes,
  type CpuReading,
} from "../sources/cpu-times.js";
import { readKernelConstants, type KernelConstants } from "../sources/kernel-constants.js";
import type { Sources } from "../sources/sources.js";
import { counter, gauge, type Sample } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";

export const USAGE_RATIO = gauge({
  name: "pihealth_cpu_usage_ratio",
  help: "Share of the time of all processors spent working, over half a second, from 0 to 1.",
});
export const SECONDS = counter({
  name: "pihealth_cpu_seconds_total",
  help: "Time that a core has spent in a mode since boot, in seconds.",
  labels: ["cpu", "mode"],
});

const WINDOW_MS = 500;

export function createCpuCollector({ procfs, clock }: Sources): Collector {
  let units: KernelConstants | undefined;
  return {
    name: "cpu",
    metrics: [USAGE_RATIO, SECONDS],
    leadMs: WINDOW_MS,
    async collect(signal, due) {
      units ??= await readKernelConstants(procfs);
      const first = await readTotalCpuTimes(procfs);
      await (due ?? clock.sleep(WINDOW_MS, signal));
      const second = await readCpuTimes(procfs);
      const usage = cpuUsageRatio(first, second.all);
      const seconds = coreSeconds(second, units.ticksPerSecond);
      return usage === undefined ? seconds : [USAGE_RATIO.sample(usage), ...seconds];
    },
  };
}

function coreSeconds({ cores }: CpuReading, ticksPerSecond: number): Sample[] {
  return [...cores].flatMap(([cpu, times]) =>
    CPU_MODES.map((mode) => SECONDS.sample(times[mode] / ticksPerSecond, { cpu, mode })),
  );
}
