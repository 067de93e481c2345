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
import type { KeepableCounters, KeptRow } from "../sources/kept-counters.js";
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

export function createCpuCollector({ procfs, clock, keptCounters }: Sources): Collector {
  let units: KernelConstants | undefined;
  const counters = new CoreCounters();
  keptCounters?.keep("cpu", counters);
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
class CoreCounters implements KeepableCounters {
  private readonly counters = new CounterRows({ jitter: JITTER_TICKS });
  /** Of cores that are offline, too: the kernel keeps their times. */
  private readonly last = new Map<string, readonly number[]>();

  async update({ cores }: CpuReading): Promise<CounterRow[]> {
    for (const [cpu, times] of cores)
      this.last.set(
        cpu,
        CPU_MODES.map((mode) => times[mode]),
      );
    const rows = await this.counters.update(
      [...this.last].map(([name, values]) => ({ name, values })),
    );
    return rows.filter(({ name }) => cores.has(name));
  }

  restore(rows: readonly KeptRow[]): void {
    const fitting = rows.filter(({ raw }) => raw.length === CPU_MODES.length);
    for (const { name, raw } of fitting) this.last.set(name, raw);
    this.counters.restore(fitting);
  }

  rows(): Iterable<KeptRow> {
    return this.counters.rows();
  }
}

function coreSeconds(cores: readonly CounterRow[], ticksPerSecond: number): Sample[] {
  return cores.flatMap(({ name: cpu, values }) =>
    CPU_MODES.flatMap((mode, index) => {
      const ticks = itemAt(values, index);
      return Number.isNaN(ticks) ? [] : [SECONDS.sample(ticks / ticksPerSecond, { cpu, mode })];
    }),
  );
}
