import type { ProcessReading } from "../sources/process-table.js";

/** Processor times of all processes at one time. */
export interface CpuSnapshot {
  /** Monotonic time. */
  readonly atMs: number;
  readonly readings: readonly ProcessReading[];
}

/** Resource usage of one process between two snapshots. */
export interface ProcessUsage {
  readonly pid: string;
  readonly comm: string;
  readonly startTicks: number;
  /** One letter, as in `ProcessReading`. */
  readonly state: string;
  /** 1 is one processor; a process with several threads may exceed it. */
  readonly cpuRatio: number;
  /** Share of all memory, at the later snapshot. */
  readonly memoryRatio: number;
}

interface Units {
  readonly ticksPerSecond: number;
  readonly pageSizeBytes: number;
  readonly memoryBytes: number;
}

/**
 * Computes the usage of each process of the later snapshot since the earlier one. A pid whose start
 * time differs belongs to a new process. All ticks of a new process count as used within the
 * window.
 */
export function measureProcesses(
  earlier: CpuSnapshot,
  later: CpuSnapshot,
  units: Units,
): ProcessUsage[] {
  const seconds = (later.atMs - earlier.atMs) / 1000;
  const before = new Map(earlier.readings.map((reading) => [reading.pid, reading]));
  return later.readings.map(({ pid, comm, startTicks, state, cpuTicks, residentPages }) => {
    const then = before.get(pid);
    const ticks =
      then !== undefined && then.startTicks === startTicks ? cpuTicks - then.cpuTicks : cpuTicks;
    return {
      pid,
      comm,
      startTicks,
      state,
      cpuRatio: seconds > 0 ? Math.max(0, ticks) / units.ticksPerSecond / seconds : 0,
      memoryRatio: Math.max(0, residentPages * units.pageSizeBytes) / units.memoryBytes,
    };
  });
}
