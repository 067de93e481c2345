import { BrokenSourceError, parseNumber } from "./broken-source-error.js";
import type { FileTree } from "./file-tree.js";

/**
 * Columns of a cpu line of /proc/stat (proc_stat(5)). The next two columns, guest times, are part
 * of user and nice.
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

/** Ticks since boot; NaN when the kernel reports an impossible time. */
export type CpuTimes = Readonly<Record<CpuMode, number>>;

export interface CpuReading {
  readonly all: CpuTimes;
  /** By the kernel's number of the core, without offline cores. */
  readonly cores: ReadonlyMap<string, CpuTimes>;
}

const SOURCE = "/proc/stat";
/** Some 300 years. Stolen time below 0, which old Xen kernels report, is 584 years. */
const MOST_TICKS = 1e12;

/** @throws {BrokenSourceError} when there is no cpu line */
export async function readCpuTimes(procfs: FileTree): Promise<CpuReading> {
  const cores = new Map<string, CpuTimes>();
  let all: CpuTimes | undefined;
  for (const line of cpuLines(await procfs.readText("stat"))) {
    const space = line.indexOf(" ");
    const times = parseTimes(line.slice(space));
    if (space === "cpu".length) all = times;
    else cores.set(line.slice("cpu".length, space), times);
  }
  if (all === undefined) throw noCpuLine();
  return { all, cores };
}

/**
 * Reads only the total of all processors.
 *
 * @throws {BrokenSourceError} when there is no cpu line
 */
export async function readTotalCpuTimes(procfs: FileTree): Promise<CpuTimes> {
  const line = cpuLines(await procfs.readText("stat")).find((one) => one.startsWith("cpu "));
  if (line === undefined) throw noCpuLine();
  return parseTimes(line.slice("cpu".length));
}

function cpuLines(text: string): string[] {
  // The line of interrupts has many kilobytes, and nothing after it is needed.
  const end = text.indexOf("\nintr");
  return (end < 0 ? text : text.slice(0, end))
    .split("\n")
    .filter((line) => line.startsWith("cpu") && line.includes(" "));
}

function noCpuLine(): BrokenSourceError {
  return new BrokenSourceError(SOURCE, 'it has no line "cpu", it must begin with one');
}

/**
 * Share of the time between two readings in which the processors worked, 0 to 1. Waiting for a disk
 * is not work.
 *
 * @returns undefined when no time has passed between the readings
 */
export function cpuUsageRatio(earlier: CpuTimes, later: CpuTimes): number | undefined {
  let worked = 0;
  let unused = 0;
  for (const mode of CPU_MODES) {
    const ticks = later[mode] - earlier[mode];
    if (Number.isNaN(ticks)) continue;
    if (mode === "idle" || mode === "iowait") unused += ticks;
    else worked += Math.max(0, ticks); // An offline core takes its time away.
  }
  // The kernel moves time from iowait to idle, and lets both step back by a tick or two.
  const total = worked + Math.max(0, unused);
  return total === 0 ? undefined : worked / total;
}

function parseTimes(columns: string): CpuTimes {
  const values = columns.trim().split(/ +/);
  // Kernels before 2.6.11 have no steal column.
  const value = (column: number): number => {
    const ticks = parseNumber(column < 4 ? values[column] : (values[column] ?? "0"), SOURCE);
    return ticks >= 0 && ticks <= MOST_TICKS ? ticks : Number.NaN;
  };
  return {
    user: value(0),
    nice: value(1),
    system: value(2),
    idle: value(3),
    iowait: value(4),
    irq: value(5),
    softirq: value(6),
    steal: value(7),
  };
}
