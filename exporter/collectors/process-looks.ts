import { readKernelConstants, type KernelConstants } from "../sources/kernel-constants.js";
import { ProcessTable, type ProcessReading } from "../sources/process-table.js";
import type { Sources } from "../sources/sources.js";
import type { CollectorSettings } from "./collector-settings.js";
import { parseMemoryInfo } from "./memory.js";
import { measureProcesses, type CpuSnapshot, type ProcessUsage } from "./process-usage.js";

export interface Looks {
  readonly all: readonly ProcessReading[];
  /** Measured since the last collection, or over the first look when there was none. */
  readonly usage: readonly ProcessUsage[];
  /** Measured by the second look. */
  readonly malicious: readonly ProcessUsage[];
}

/** Window over which a look measures processor time. */
export const LOOK_WINDOW_MS = 500;

/** Takes the two looks at processes, and keeps processor times from one collection to the next. */
export class ProcessLooks {
  private readonly table: ProcessTable;
  private previous: CpuSnapshot | undefined;
  private constants: KernelConstants | undefined;

  constructor(
    private readonly sources: Sources,
    private readonly settings: CollectorSettings["processes"],
  ) {
    this.table = new ProcessTable(sources.procfs);
  }

  /**
   * @param due the end of the first look's window; undefined for {@link LOOK_WINDOW_MS} from now
   */
  async take(signal: AbortSignal, due?: Promise<void>): Promise<Looks> {
    const units = await this.readUnits();
    const begin = await this.snapshot();
    const earlier = this.previous;
    this.previous = begin;
    const usage = earlier === undefined ? undefined : measureProcesses(earlier, begin, units);
    // Most processes sleep. Only processes that have run since the last collection, or hold much
    // memory, are read again at the end of the window, which halves the cost.
    const awake = usage?.filter((one) => one.cpuRatio > 0 || this.isSuspect(one)) ?? begin.readings;
    await (due ?? this.sources.clock.sleep(LOOK_WINDOW_MS, signal));
    const end = await this.snapshot(awake.map(({ pid }) => pid));
    const window = measureProcesses(begin, end, units);
    const suspects = window.filter((one) => this.isSuspect(one));
    const malicious = suspects.length === 0 ? [] : await this.lookAgain(suspects, units, signal);
    return { all: begin.readings, usage: usage ?? window, malicious };
  }

  private async lookAgain(
    suspects: readonly ProcessUsage[],
    units: Units,
    signal: AbortSignal,
  ): Promise<ProcessUsage[]> {
    await this.sources.clock.sleep(this.settings.confirmMs, signal);
    const pids = suspects.map(({ pid }) => pid);
    const begin = await this.snapshot(pids);
    await this.sources.clock.sleep(LOOK_WINDOW_MS, signal);
    const again = measureProcesses(begin, await this.snapshot(pids), units);
    const startOf = new Map(suspects.map(({ pid, startTicks }) => [pid, startTicks]));
    return again.filter(
      (usage) => startOf.get(usage.pid) === usage.startTicks && this.isSuspect(usage),
    );
  }

  private isSuspect({ cpuRatio, memoryRatio }: ProcessUsage): boolean {
    const { maliciousCpuRatio, maliciousMemoryRatio } = this.settings;
    return cpuRatio >= maliciousCpuRatio || memoryRatio >= maliciousMemoryRatio;
  }

  private async snapshot(pids?: readonly string[]): Promise<CpuSnapshot> {
    const atMs = this.sources.clock.monotonicMs();
    const readings = await (pids === undefined ? this.table.readAll() : this.table.read(pids));
    return { atMs, readings };
  }

  private async readUnits(): Promise<Units> {
    const { procfs } = this.sources;
    const memoryBytes = parseMemoryInfo(await procfs.readText("meminfo")).total;
    this.constants ??= await readKernelConstants(procfs);
    return { ...this.constants, memoryBytes };
  }
}

type Units = Parameters<typeof measureProcesses>[2];
