/**
 * Processes by state, the busiest ones, and malicious ones: those at or above the threshold of one
 * processor or of memory in two looks.
 *
 * Source: /proc/<pid>/stat. Each look measures processor time over half a second; the second look
 * begins five seconds after the first has ended, so nothing that lasts less than five seconds can
 * be seen by both.
 */
import { parseAccounts } from "../sources/accounts.js";
import { readKernelConstants } from "../sources/kernel-constants.js";
import {
  readProcesses,
  readProcessUid,
  readSomeProcesses,
  type ProcessReading,
} from "../sources/process-table.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { parseMemoryInfo } from "./memory.js";
import { createNameMatcher } from "./name-matcher.js";
import { measureProcesses, type CpuSnapshot, type ProcessUsage } from "./process-usage.js";

export const PROCESSES = gauge({
  name: "pihealth_processes",
  help: "Processes in a state, kernel threads included.",
  labels: ["state"],
});
export const MALICIOUS_COUNT = gauge({
  name: "pihealth_malicious_processes",
  help: "Processes found at or above the threshold of processor or memory in two looks.",
});

type ProcessLabel = "pid" | "comm" | "user";
const processGauge = (name: string, help: string): MetricDefinition<ProcessLabel> =>
  gauge({ name: `pihealth_${name}`, help, labels: ["pid", "comm", "user"] });

export const MALICIOUS_CPU = processGauge(
  "malicious_process_cpu_ratio",
  "Use of processors by a malicious process; 1 is one processor.",
);
export const MALICIOUS_MEMORY = processGauge(
  "malicious_process_memory_ratio",
  "Part of memory a malicious process holds, from 0 to 1.",
);
export const TOP_CPU = processGauge(
  "top_process_cpu_ratio",
  "Use of processors by one of the busiest processes; 1 is one processor.",
);
export const TOP_MEMORY = processGauge(
  "top_process_memory_ratio",
  "Part of memory one of the largest processes holds, from 0 to 1.",
);

/**
 * Letters of the kernel's process states (proc_pid_stat(5)); those of old kernels are not told
 * apart.
 */
const STATES: Readonly<Record<string, string>> = {
  R: "running",
  S: "sleeping",
  D: "blocked",
  Z: "zombie",
  T: "stopped",
  t: "traced",
  I: "idle",
};
const OTHER_STATE = "other";
const MAX_MALICIOUS_SERIES = 20;
/** Below this a process is no top process: its comings and goings would only make series. */
const MIN_TOP_RATIO = 0.01;

interface Looks {
  readonly all: readonly ProcessReading[];
  /** Since the last collection where there was one, else over the first look. */
  readonly usage: readonly ProcessUsage[];
  /** As the second look saw them. */
  readonly malicious: readonly ProcessUsage[];
}

export function createProcessesCollector(
  sources: Sources,
  { processes: settings }: CollectorSettings,
): Collector {
  const looker = new Looker(sources, settings);
  return {
    name: "processes",
    metrics: [PROCESSES, MALICIOUS_COUNT, MALICIOUS_CPU, MALICIOUS_MEMORY, TOP_CPU, TOP_MEMORY],
    async collect(signal) {
      const { all, usage, malicious } = await looker.look(signal);
      const shown = byRatio(malicious, (one) => Math.max(one.cpuRatio, one.memoryRatio)).slice(
        0,
        MAX_MALICIOUS_SERIES,
      );
      const top = (ratioOf: (usage: ProcessUsage) => number): ProcessUsage[] =>
        byRatio(
          usage.filter((one) => ratioOf(one) >= MIN_TOP_RATIO),
          ratioOf,
        ).slice(0, settings.topCount);
      const topCpu = top((one) => one.cpuRatio);
      const topMemory = top((one) => one.memoryRatio);
      const labels = await readLabels(sources, [...shown, ...topCpu, ...topMemory]);
      const samples = (
        metric: MetricDefinition<ProcessLabel>,
        list: readonly ProcessUsage[],
        key: "cpuRatio" | "memoryRatio",
      ) =>
        list.map((one) =>
          metric.sample(one[key], labels.get(one) ?? { pid: one.pid, comm: one.comm, user: "" }),
        );
      return [
        ...stateSamples(all),
        MALICIOUS_COUNT.sample(malicious.length),
        ...samples(MALICIOUS_CPU, shown, "cpuRatio"),
        ...samples(MALICIOUS_MEMORY, shown, "memoryRatio"),
        ...samples(TOP_CPU, topCpu, "cpuRatio"),
        ...samples(TOP_MEMORY, topMemory, "memoryRatio"),
      ];
    },
  };
}

const WINDOW_MS = 500;

/** Takes the looks; remembers processor times from one collection to the next. */
class Looker {
  private previous: CpuSnapshot | undefined;
  private readonly isIgnored: (name: string) => boolean;

  constructor(
    private readonly sources: Sources,
    private readonly settings: CollectorSettings["processes"],
  ) {
    this.isIgnored = createNameMatcher(settings.ignoredNames);
  }

  async look(signal: AbortSignal): Promise<Looks> {
    const units = await this.readUnits();
    const begin = await this.snapshot();
    const earlier = this.previous;
    this.previous = begin;
    const usage = earlier === undefined ? undefined : measureProcesses(earlier, begin, units);
    // Most processes sleep: only those that have done something since the last collection, or hold
    // much memory, are read again at the end of the window. That halves the work of this exporter.
    const awake = usage?.filter((one) => one.cpuRatio > 0 || this.isSuspect(one)) ?? begin.readings;
    await this.sources.clock.sleep(WINDOW_MS, signal);
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
    await this.sources.clock.sleep(WINDOW_MS, signal);
    const again = measureProcesses(begin, await this.snapshot(pids), units);
    const startOf = new Map(suspects.map(({ pid, startTicks }) => [pid, startTicks]));
    return again.filter(
      (usage) => startOf.get(usage.pid) === usage.startTicks && this.isSuspect(usage),
    );
  }

  private isSuspect({ comm, cpuRatio, memoryRatio }: ProcessUsage): boolean {
    const { maliciousCpuRatio, maliciousMemoryRatio } = this.settings;
    return (
      (cpuRatio >= maliciousCpuRatio || memoryRatio >= maliciousMemoryRatio) &&
      !this.isIgnored(comm)
    );
  }

  private async snapshot(pids?: readonly string[]): Promise<CpuSnapshot> {
    const { procfs, clock } = this.sources;
    const atMs = clock.monotonicMs();
    return {
      atMs,
      readings: await (pids === undefined
        ? readProcesses(procfs)
        : readSomeProcesses(procfs, pids)),
    };
  }

  private async readUnits(): Promise<Units> {
    const { procfs } = this.sources;
    const memoryBytes = parseMemoryInfo(await procfs.readText("meminfo")).total;
    return { ...(await readKernelConstants(procfs)), memoryBytes };
  }
}

type Units = Parameters<typeof measureProcesses>[2];

function byRatio(
  list: readonly ProcessUsage[],
  ratioOf: (usage: ProcessUsage) => number,
): ProcessUsage[] {
  return [...list].sort(
    (left, right) => ratioOf(right) - ratioOf(left) || Number(left.pid) - Number(right.pid),
  );
}

function stateSamples(all: readonly ProcessReading[]): Sample[] {
  const counts = new Map([...Object.values(STATES), OTHER_STATE].map((state) => [state, 0]));
  for (const { state } of all) {
    const name = STATES[state] ?? OTHER_STATE;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([state, count]) => PROCESSES.sample(count, { state }));
}

async function readLabels(
  { procfs, root }: Sources,
  shown: readonly ProcessUsage[],
): Promise<Map<ProcessUsage, Readonly<Record<ProcessLabel, string>>>> {
  if (shown.length === 0) return new Map();
  const accounts = parseAccounts(await root.readText("etc/passwd"));
  const nameOf = new Map(
    accounts.map(({ uid, name }) => [uid, name]).reverse() as [number, string][],
  );
  const labels = new Map<ProcessUsage, Readonly<Record<ProcessLabel, string>>>();
  for (const usage of shown) {
    const uid = await readProcessUid(procfs, usage.pid);
    const user = uid === undefined ? "" : (nameOf.get(uid) ?? String(uid));
    labels.set(usage, { pid: usage.pid, comm: usage.comm, user });
  }
  return labels;
}
