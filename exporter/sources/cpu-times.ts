import { BrokenSourceError, parseNumber } from "./broken-source-error.js";
import type { FileTree } from "./file-tree.js";

/**
 * Columns of a cpu line of /proc/stat (proc_stat(5)). Guest time, the two after these, is in user
 * and nice already.
 */
export const CPU_MODES = [
  "user",
  "nice",
  "system",
  "idle",
  "iowait",
  "irq",
  "softirq",
  "steal",
] as const;
export type CpuMode = (typeof CPU_MODES)[number];

/** Ticks since boot. */
export type CpuTimes = Readonly<Record<CpuMode, number>>;

export interface CpuReading {
  readonly all: CpuTimes;
  /** By the kernel's number of the core, offline ones left out. */
  readonly cores: ReadonlyMap<string, CpuTimes>;
}

const SOURCE = "/proc/stat";
const CPU_LINE = /^cpu(\d*) +(.*)$/gm;

/** @throws {BrokenSourceError} when there is no cpu line */
export async function readCpuTimes(procfs: FileTree): Promise<CpuReading> {
  const text = await procfs.readText("stat");
  // The line of interrupts is many kilobytes long, and nothing behind it is needed.
  const end = text.indexOf("\nintr");
  const cores = new Map<string, CpuTimes>();
  let all: CpuTimes | undefined;
  for (const [, core = "", columns = ""] of (end < 0 ? text : text.slice(0, end)).matchAll(
    CPU_LINE,
  )) {
    const times = parseTimes(columns);
    if (core === "") all = times;
    else cores.set(core, times);
  }
  if (all === undefined)
    throw new BrokenSourceError(SOURCE, 'it has no line "cpu", it must begin with one');
  return { all, cores };
}

/**
 * Part of the time between two readings in which the processors worked, 0 to 1. Waiting for a disk
 * is not work.
 *
 * @returns undefined when no time has passed between the readings
 */
export function cpuUsageRatio(earlier: CpuTimes, later: CpuTimes): number | undefined {
  let total = 0;
  let unused = 0;
  for (const mode of CPU_MODES) {
    // The kernel lets idle and iowait step back by a tick or two, and a core going offline takes
    // its time with it.
    const ticks = Math.max(0, later[mode] - earlier[mode]);
    total += ticks;
    if (mode === "idle" || mode === "iowait") unused += ticks;
  }
  return total === 0 ? undefined : (total - unused) / total;
}

function parseTimes(columns: string): CpuTimes {
  const values = columns.trim().split(/ +/);
  const times = CPU_MODES.map((mode, index) => {
    // Kernels before 2.6.11 have no steal column.
    const value =
      index < 4 ? parseNumber(values[index], SOURCE) : parseNumber(values[index] ?? "0", SOURCE);
    return [mode, value] as const;
  });
  return Object.fromEntries(times) as Record<CpuMode, number>;
}
