/**
 * Processes by state, the busiest processes, and malicious ones, which are at or above the
 * threshold of one processor or of memory in two looks.
 *
 * Source: /proc/<pid>/stat. Each look measures processor time over half a second. The second look
 * begins five seconds after the first has ended, so a peak of less than five seconds cannot be in
 * both.
 */
import type { ProcessReading } from "../sources/process-table.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { leftOutSample, ROWS_LEFT_OUT } from "./left-out.js";
import { createNameMatcher } from "./name-matcher.js";
import { ProcessLabelReader, type ProcessLabel, type ProcessLabels } from "./process-labels.js";
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

const processGauge = (name: string, help: string): MetricDefinition<ProcessLabel> =>
  gauge({ name: `pihealth_${name}`, help, labels: ["pid", "comm", "name", "user"] });

export const MALICIOUS_CPU = processGauge(
  "malicious_process_cpu_ratio",
  "Processor usage of a malicious process; 1 is one processor.",
);
export const MALICIOUS_MEMORY = processGauge(
  "malicious_process_memory_ratio",
  "Share of memory held by a malicious process, from 0 to 1.",
);
export const MALICIOUS_IGNORED = processGauge(
  "malicious_process_ignored",
  "1 for each malicious process on the default list of settings.processes.ignore; the shipped rules send no mail about it.",
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
/** A machine with more processors may have more. */
const MAX_MALICIOUS_SERIES = 100;
/** A process below this is no top process. It would only create short-lived series. */
const MIN_TOP_RATIO = 0.01;

export function createProcessesCollector(
  sources: Sources,
  { processes: settings }: CollectorSettings,
): Collector {
  const looks = new ProcessLooks(sources, settings);
  const labelReader = new ProcessLabelReader(sources);
  const isNeverMalicious = createProcessMatcher(settings.ignoredNames);
  const isQuiet = createProcessMatcher(settings.quietNames);
  return {
    name: "processes",
    metrics: [
      ...[PROCESSES, MALICIOUS_COUNT, MALICIOUS_CPU, MALICIOUS_MEMORY, MALICIOUS_IGNORED],
      ...[TOP_CPU, TOP_MEMORY, ROWS_LEFT_OUT],
    ],
    leadMs: LOOK_WINDOW_MS,
    async collect(signal, due) {
      const { all, usage, malicious: found } = await looks.take(signal, due);
      const top = (ratioOf: (usage: ProcessUsage) => number): ProcessUsage[] =>
        byRatio(
          usage.filter((one) => ratioOf(one) >= MIN_TOP_RATIO),
          ratioOf,
        ).slice(0, settings.topCount);
      const topCpu = top((one) => one.cpuRatio);
      const topMemory = top((one) => one.memoryRatio);
      const labels = await labelReader.read([...found, ...topCpu, ...topMemory]);
      const labelsOf = (one: ProcessUsage): ProcessLabels =>
        labels.get(one) ?? { pid: one.pid, comm: one.comm, name: one.comm, user: "" };
      const malicious = found.filter((one) => !isNeverMalicious(labelsOf(one)));
      const ignored = new Set(malicious.filter((one) => isQuiet(labelsOf(one))));
      // Ignored processes never hide others.
      const shown = byRatio(
        malicious,
        (one) => (ignored.has(one) ? 0 : 1e6) + Math.max(one.cpuRatio, one.memoryRatio),
      ).slice(0, MAX_MALICIOUS_SERIES);
      const samples = (
        metric: MetricDefinition<ProcessLabel>,
        list: readonly ProcessUsage[],
        valueOf: (one: ProcessUsage) => number,
      ) => list.map((one) => metric.sample(valueOf(one), labelsOf(one)));
      return [
        ...stateSamples(all),
        MALICIOUS_COUNT.sample(malicious.length),
        ...samples(MALICIOUS_CPU, shown, (one) => one.cpuRatio),
        ...samples(MALICIOUS_MEMORY, shown, (one) => one.memoryRatio),
        ...samples(
          MALICIOUS_IGNORED,
          shown.filter((one) => ignored.has(one)),
          () => 1,
        ),
        ...samples(TOP_CPU, topCpu, (one) => one.cpuRatio),
        ...samples(TOP_MEMORY, topMemory, (one) => one.memoryRatio),
        leftOutSample("processes", "malicious_process", malicious.length - shown.length),
      ];
    },
  };
}

/** "python3 backup.py" is on a list under its name, and as "python3" and "backup.py". */
function createProcessMatcher(patterns: readonly string[]): (process: ProcessLabels) => boolean {
  const isOnList = createNameMatcher(patterns);
  return ({ comm, name }) => [comm, name, ...name.split(" ")].some(isOnList);
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
