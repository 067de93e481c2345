import type { ProcessReading } from "../sources/process-table.js";

/** Processor times of processes at one moment. */
export interface CpuSnapshot {
  /** Monotonic. */
  readonly atMs: number;
  readonly readings: readonly ProcessReading[];
}

/** What one process used between two snapshots. */
export interface ProcessUsage {
  readonly pid: string;
  readonly comm: string;
  readonly startTicks: number;
  /** 1 is one processor; a process with several threads may use more. */
  readonly cpuRatio: number;
  /** Part of all memory, at the later snapshot. */
  readonly memoryRatio: number;
}

interface Units {
  readonly ticksPerSecond: number;
  readonly pageSizeBytes: number;
  readonly memoryBytes: number;
}

/**
 * Computes what each process of the later snapshot used since the earlier one. A pid that now
 * belongs to another process, told by its start, counts as a new one, and a new one has used its
 * ticks within the window.
 */
export function measureProcesses(
  earlier: CpuSnapshot,
  later: CpuSnapshot,
  units: Units,
): ProcessUsage[] {
  const seconds = (later.atMs - earlier.atMs) / 1000;
  const before = new Map(earlier.readings.map((reading) => [reading.pid, reading]));
  return later.readings.map(({ pid, comm, startTicks, cpuTicks, residentPages }) => {
    const then = before.get(pid);
    const ticks =
      then !== undefined && then.startTicks === startTicks ? cpuTicks - then.cpuTicks : cpuTicks;
    return {
      pid,
      comm,
      startTicks,
      cpuRatio: seconds > 0 ? Math.max(0, ticks) / units.ticksPerSecond / seconds : 0,
      memoryRatio: Math.max(0, residentPages * units.pageSizeBytes) / units.memoryBytes,
    };
  });
}
