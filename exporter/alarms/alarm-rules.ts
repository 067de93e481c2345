/**
 * Decides which samples are alarms. A test checks that the metrics named here exist. Another test
 * checks that names and labels equal those of the shipped rules about the same facts, so that a
 * master has one alert and sends one mail.
 */
import { ALARM_LEVELS } from "../shared/model/family.js";
import type { Sample } from "../shared/model/metric.js";

/** An alarm in one sampling. Its start time is not known here. */
export interface Finding {
  readonly alertname: string;
  readonly severity: "info" | "warning" | "critical";
  readonly family: string;
  /** Further labels that distinguish it from others of its name. */
  readonly labels: Readonly<Record<string, string>>;
  /** The problem with the value, without place and time: `memory is 85.3% used`. */
  readonly fact: string;
  /** Only the value: `85.3%`. */
  readonly value?: string | undefined;
}

type Description = Pick<Finding, "fact" | "value">;

/** Most alarms of one sampling; no collector shows more rows that are alarms. */
const MAX_FINDINGS = 100;

const LEVEL_ALARMS: Readonly<
  Record<string, { alertname: string; describe: (samples: readonly Sample[]) => Description }>
> = {
  memory: { alertname: "PihealthMemoryWarning", describe: describeMemory },
  cpu: { alertname: "PihealthCpuWarning", describe: describeCpu },
  disk: { alertname: "PihealthDiskWarning", describe: describeDisk },
};

const DECIDING_METRICS: ReadonlySet<string> = new Set([
  "pihealth_alarm_level",
  "pihealth_throttling",
  "pihealth_malicious_process_cpu_ratio",
  "pihealth_malicious_process_memory_ratio",
]);

/** @param samples of one successful run of one collector */
export function findAlarms(samples: readonly Sample[]): Finding[] {
  // Most collectors have no metric that decides about alarms.
  if (!samples.some(({ metric }) => DECIDING_METRICS.has(metric.name))) return [];
  return [
    ...findLevels(samples),
    ...findUnderVoltage(samples),
    ...findMaliciousProcesses(samples),
  ].slice(0, MAX_FINDINGS);
}

/**
 * True when a successful reading says whether an alarm of this name lasts. A level that is missing
 * among other samples could not be read, and neither ends nor raises an alarm.
 */
export function decidesAbout(alertname: string | undefined, samples: readonly Sample[]): boolean {
  const family = Object.keys(LEVEL_ALARMS).find(
    (key) => LEVEL_ALARMS[key]?.alertname === alertname,
  );
  if (family === undefined || samples.length === 0) return true;
  return named(samples, "pihealth_alarm_level").some(({ labels }) => labels["family"] === family);
}

function findLevels(samples: readonly Sample[]): Finding[] {
  return named(samples, "pihealth_alarm_level").flatMap(({ labels, value }) => {
    const family = labels["family"] ?? "";
    const alarm = LEVEL_ALARMS[family];
    if (alarm === undefined || value < ALARM_LEVELS.warning) return [];
    return [
      {
        alertname: alarm.alertname,
        severity: "warning",
        family,
        labels: {},
        ...alarm.describe(samples),
      },
    ];
  });
}

function findUnderVoltage(samples: readonly Sample[]): Finding[] {
  const isNow = named(samples, "pihealth_throttling").some(
    ({ labels, value }) => labels["reason"] === "under_voltage" && value === 1,
  );
  if (!isNow) return [];
  const fact = "the supply voltage is too low";
  return [
    { alertname: "PihealthUnderVoltage", severity: "warning", family: "system", labels: {}, fact },
  ];
}

function findMaliciousProcesses(samples: readonly Sample[]): Finding[] {
  const processes = new Map<string, { labels: Readonly<Record<string, string>>; uses: string[] }>();
  for (const [metric, resource] of [
    ["pihealth_malicious_process_cpu_ratio", "of one CPU"],
    ["pihealth_malicious_process_memory_ratio", "of memory"],
  ] as const) {
    for (const { labels, value } of named(samples, metric)) {
      const { pid = "", comm = "", name = comm, user = "" } = labels;
      const known = processes.get(pid) ?? { labels: { pid, comm, name, user }, uses: [] };
      known.uses.push(`${percent(value)} ${resource}`);
      processes.set(pid, known);
    }
  }
  return [...processes.values()].map(({ labels, uses }) => ({
    alertname: "PihealthMaliciousProcess",
    severity: "info", // A fact. The shipped rule PihealthMaliciousProcessLasting sends the mail.
    family: "processes",
    labels,
    fact:
      `process ${labels["name"]} (pid ${labels["pid"]}, user ${labels["user"]}) ` +
      `uses ${uses.join(" and ")}`,
    value: uses.join(" and "),
  }));
}

function describeMemory(samples: readonly Sample[]): Description {
  const used = named(samples, "pihealth_memory_used_ratio")[0];
  if (used === undefined) return { fact: "memory is at the warning level" };
  const value = percent(used.value);
  return { fact: `memory is ${value} used`, value };
}

function describeCpu(samples: readonly Sample[]): Description {
  const temperature = named(samples, "pihealth_cpu_temperature_celsius")[0];
  if (temperature === undefined) return { fact: "the processor is at the warning level" };
  const value = `${temperature.value.toFixed(1)} °C`;
  return { fact: `the processor is at ${value}`, value };
}

/** Describes the file system that decides the level: the fullest of those that can fill up. */
function describeDisk(samples: readonly Sample[]): Description {
  const readOnly = new Set(
    named(samples, "pihealth_filesystem_readonly")
      .filter(({ value }) => value === 1)
      .map(({ labels }) => labels["mountpoint"]),
  );
  const worst = ["pihealth_filesystem_used_ratio", "pihealth_filesystem_last_used_ratio"]
    .flatMap((name) => named(samples, name))
    .filter(({ labels }) => !readOnly.has(labels["mountpoint"]))
    .reduce<Sample | undefined>(
      (most, next) => (next.value > (most?.value ?? -1) ? next : most),
      undefined,
    );
  if (worst === undefined) return { fact: "a disk is at the warning level" };
  const value = percent(worst.value);
  const mount = worst.labels["mountpoint"];
  return worst.metric.name === "pihealth_filesystem_last_used_ratio"
    ? { fact: `${mount} was ${value} full when it last answered`, value }
    : { fact: `${mount} is ${value} full`, value };
}

function named(samples: readonly Sample[], name: string): Sample[] {
  return samples.filter(({ metric }) => metric.name === name);
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`;
}
