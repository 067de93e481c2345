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
import { CounterRows, type CounterRow } from "../sources/counter-rows.js";
import { readKernelConstants, type KernelConstants } from "../sources/kernel-constants.js";
import type { Sources } from "../sources/sources.js";
import { itemAt } from "../shared/model/get-or-throw.js";
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
/** Ticks by which the kernel's idle and iowait times may step back; the same as in node_exporter. */
const JITTER_TICKS = 300;

export function createCpuCollector({ procfs, clock }: Sources): Collector {
  let units: KernelConstants | undefined;
  const counters = new CoreCounters();
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
      const seconds = coreSeconds(await counters.update(second), units.ticksPerSecond);
      return usage === undefined ? seconds : [USAGE_RATIO.sample(usage), ...seconds];
    },
  };
}

/** The times of each core, which never fall while the core counts on. */
class CoreCounters {
  private readonly rows = new CounterRows({ jitter: JITTER_TICKS });
  /** Of cores that are offline, too: the kernel keeps their times. */
  private readonly last = new Map<string, readonly number[]>();

  async update({ cores }: CpuReading): Promise<CounterRow[]> {
    for (const [cpu, times] of cores)
      this.last.set(
        cpu,
        CPU_MODES.map((mode) => times[mode]),
      );
    const rows = await this.rows.update([...this.last].map(([name, values]) => ({ name, values })));
    return rows.filter(({ name }) => cores.has(name));
  }
}

function coreSeconds(cores: readonly CounterRow[], ticksPerSecond: number): Sample[] {
  return cores.flatMap(({ name: cpu, values }) =>
    CPU_MODES.map((mode, index) =>
      SECONDS.sample(itemAt(values, index) / ticksPerSecond, { cpu, mode }),
    ),
  );
}
