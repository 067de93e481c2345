/**
 * Processes by state, the busiest processes, and malicious ones, which are at or above the
 * threshold of one processor or of memory in two looks.
 *
 * Source: /proc/<pid>/stat. Each look measures processor time over half a second. The second look
 * begins five seconds after the first has ended, so a peak of less than five seconds cannot be in
 * both.
 */
import { parseAccounts } from "../sources/accounts.js";
import { readProcessUid, type ProcessReading } from "../sources/process-table.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { LOOK_WINDOW_MS, ProcessLooks } from "./process-looks.js";
import type { ProcessUsage } from "./process-usage.js";

export const PROCESSES = gauge({
  name: "pihealth_processes",
  help: "Processes in a state, including kernel threads.",
  labels: ["state"],
});
export const MALICIOUS_COUNT = gauge({
  name: "pihealth_malicious_processes",
  help: "Processes at or above the threshold of processor or memory in two looks.",
});

type ProcessLabel = "pid" | "comm" | "user";
const processGauge = (name: string, help: string): MetricDefinition<ProcessLabel> =>
  gauge({ name: `pihealth_${name}`, help, labels: ["pid", "comm", "user"] });

export const MALICIOUS_CPU = processGauge(
  "malicious_process_cpu_ratio",
  "Processor usage of a malicious process; 1 is one processor.",
);
export const MALICIOUS_MEMORY = processGauge(
  "malicious_process_memory_ratio",
  "Share of memory held by a malicious process, from 0 to 1.",
);
export const TOP_CPU = processGauge(
  "top_process_cpu_ratio",
  "Processor usage of one of the busiest processes; 1 is one processor.",
);
export const TOP_MEMORY = processGauge(
  "top_process_memory_ratio",
  "Share of memory held by one of the largest processes, from 0 to 1.",
);

/**
 * Letters of the kernel's process states (proc_pid_stat(5)). States that only old kernels have are
 * mapped to these.
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
const ACCOUNTS_FILE = "etc/passwd";
const MAX_MALICIOUS_SERIES = 20;
/** A process below this is no top process. It would only create short-lived series. */
const MIN_TOP_RATIO = 0.01;

export function createProcessesCollector(
  sources: Sources,
  { processes: settings }: CollectorSettings,
): Collector {
  const looks = new ProcessLooks(sources, settings);
  const processLabels = new ProcessLabels(sources);
  return {
    name: "processes",
    metrics: [PROCESSES, MALICIOUS_COUNT, MALICIOUS_CPU, MALICIOUS_MEMORY, TOP_CPU, TOP_MEMORY],
    leadMs: LOOK_WINDOW_MS,
    async collect(signal, due) {
      const { all, usage, malicious } = await looks.take(signal, due);
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
      const labels = await processLabels.read([...shown, ...topCpu, ...topMemory]);
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

/** Owners of processes, with their names from /etc/passwd, which is read again when it changes. */
class ProcessLabels {
  private version: string | undefined;
  private names = new Map<number, string>();

  constructor(private readonly sources: Sources) {}

  async read(
    shown: readonly ProcessUsage[],
  ): Promise<Map<ProcessUsage, Readonly<Record<ProcessLabel, string>>>> {
    const labels = new Map<ProcessUsage, Readonly<Record<ProcessLabel, string>>>();
    if (shown.length > 0) await this.readNames();
    for (const usage of shown) {
      const uid = await readProcessUid(this.sources.procfs, usage.pid);
      const user = uid === undefined ? "" : (this.names.get(uid) ?? String(uid));
      labels.set(usage, { pid: usage.pid, comm: usage.comm, user });
    }
    return labels;
  }

  private async readNames(): Promise<void> {
    const { root } = this.sources;
    const version = await root.version(ACCOUNTS_FILE);
    if (version === this.version) return;
    const accounts = parseAccounts(await root.readText(ACCOUNTS_FILE));
    // If a user id has several names, the first one counts.
    this.names = new Map(accounts.map(({ uid, name }) => [uid, name] as const).reverse());
    this.version = version;
  }
}
