import { formatByteSize } from "./byte-size.js";
import { ALARM_LEVELS, type Family } from "./family.js";

/**
 * The values of one machine at one time: the latest samples of the exporter, or a row that the
 * master scraped.
 */
export interface FamilyReading {
  readonly timeMs: number;
  /** A series of the metric with at least these labels; undefined when there is none. */
  value(metric: string, labels?: Readonly<Record<string, string>>): number | undefined;
  series(metric: string): readonly LabelledValue[];
}

export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Description of a family, and the fields of its line in order. */
export interface FamilyDescription {
  readonly summary: string;
  readonly fields: readonly string[];
}

const SEPARATOR = "  ";
const MISSING = "-";

/** Shown by `pihealth get --list`. */
export const FAMILY_DESCRIPTIONS: Readonly<Record<Family, FamilyDescription>> = {
  memory: {
    summary: "Memory and how much of it is used",
    fields: ["time", "total", "free", "used%", "dynamic-average%"],
  },
  cpu: {
    summary: "Load, use and temperature of the processor",
    fields: ["time", "load1", "load5", "load15", "usage%", "temperature", "level"],
  },
  disk: {
    summary: "Room on each disk (0) and on each mounted file system (1)",
    fields: ["time", "0|1", "disk|mount", "total", "available", "used%"],
  },
  system: {
    summary: "What the machine is, and its state in one line",
    fields: [
      ...["time", "hostname", "os", "kernel", "uptime", "load", "disk-total", "disk-used%"],
      ...["memory-total", "memory-used%", "temperature"],
      ...["disk-level", "memory-level", "cpu-level"],
    ],
  },
  users: {
    summary: "Accounts of people, who was here last, who may be root, who is here now",
    fields: ["time", "users", "recent3", "root-users", "sessions", "[name_ip_tty,...]"],
  },
  processes: {
    summary: "Malicious processes, one line each",
    fields: ["time", "name", "pid", "user", "cpu%", "mem%"],
  },
};

/**
 * Formats a family's values for people: fields two spaces apart, `-` for a missing value, time in
 * the local time zone. No field contains a space or a control character, so lines can be split
 * again.
 *
 * @returns one line; for disk one per disk and file system, for processes one per malicious process
 */
export function formatFamilyLines(family: Family, reading: FamilyReading): string[] {
  const time = formatTime(reading.timeMs);
  return FORMATTERS[family](reading).map((fields) => [time, ...fields].join(SEPARATOR));
}

/** Local time as `2026-01-12__15:00:28`. */
export function formatTime(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day}__${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}

/**
 * Makes a name from outside harmless in a line of text: spaces, backslashes, control and invisible
 * characters become `\x20` or `\u{2028}`.
 */
export function escapeName(name: string): string {
  if (name === "") return MISSING;
  return name.replace(/[\\\p{C}\p{Z}]/gu, (character) => {
    if (character === "\\") return "\\\\";
    const code = character.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
  });
}

type Fields = readonly string[];

const FORMATTERS: Readonly<Record<Family, (reading: FamilyReading) => readonly Fields[]>> = {
  memory: (reading) => [
    [
      formatSize(reading.value("pihealth_memory_total_bytes")),
      formatSize(reading.value("pihealth_memory_free_bytes")),
      formatPercent(reading.value("pihealth_memory_used_ratio")),
      formatPercent(reading.value("pihealth_memory_used_ratio_average")),
    ],
  ],
  cpu: (reading) => [
    [
      formatLoad(reading.value("pihealth_load1")),
      formatLoad(reading.value("pihealth_load5")),
      formatLoad(reading.value("pihealth_load15")),
      formatPercent(reading.value("pihealth_cpu_usage_ratio")),
      formatCelsius(reading.value("pihealth_cpu_temperature_celsius")),
      levelOf(reading, "cpu"),
    ],
  ],
  disk: (reading) => [...diskRows(reading), ...fileSystemRows(reading)],
  system: (reading) => [systemFields(reading)],
  users: (reading) => [userFields(reading)],
  processes: maliciousRows,
};

function diskRows(reading: FamilyReading): Fields[] {
  return sorted(reading.series("pihealth_disk_size_bytes"), "disk").map(({ labels, value }) => [
    "0",
    escapeName(labels["disk"] ?? ""),
    formatSize(value),
    formatSize(reading.value("pihealth_disk_available_bytes", labels)),
    formatPercent(reading.value("pihealth_disk_used_ratio", labels)),
  ]);
}

/** Every file system has a read-only mark. A file system that is stuck has nothing else. */
function fileSystemRows(reading: FamilyReading): Fields[] {
  const rows = sorted(reading.series("pihealth_filesystem_readonly"), "mountpoint");
  return rows.map(({ labels }) => [
    "1",
    escapeName(labels["mountpoint"] ?? ""),
    formatSize(reading.value("pihealth_filesystem_size_bytes", labels)),
    formatSize(reading.value("pihealth_filesystem_available_bytes", labels)),
    formatPercent(reading.value("pihealth_filesystem_used_ratio", labels)),
  ]);
}

function systemFields(reading: FamilyReading): Fields {
  const info = reading.series("pihealth_system_info")[0]?.labels ?? {};
  const disks = wholeDisks(reading);
  return [
    escapeName(info["hostname"] ?? ""),
    escapeName((info["os"] ?? "").replaceAll(" ", "_")),
    escapeName(info["kernel"] ?? ""),
    formatUptime(reading.value("pihealth_uptime_seconds")),
    formatLoad(reading.value("pihealth_load1")),
    formatSize(disks.sizeBytes),
    formatPercent(disks.usedRatio),
    formatSize(reading.value("pihealth_memory_total_bytes")),
    formatPercent(reading.value("pihealth_memory_used_ratio")),
    formatCelsius(reading.value("pihealth_cpu_temperature_celsius")),
    levelOf(reading, "disk"),
    levelOf(reading, "memory"),
    levelOf(reading, "cpu"),
  ];
}

/** All disks together: sizes are added, used ratios are weighted by size. */
function wholeDisks(reading: FamilyReading): { sizeBytes?: number; usedRatio?: number } {
  const disks = reading.series("pihealth_disk_size_bytes");
  if (disks.length === 0) return {};
  const sizeBytes = disks.reduce((sum, { value }) => sum + value, 0);
  const measured = disks.flatMap(({ labels, value }) => {
    const ratio = reading.value("pihealth_disk_used_ratio", labels);
    return ratio === undefined ? [] : [{ weight: value, ratio }];
  });
  const weight = measured.reduce((sum, disk) => sum + disk.weight, 0);
  if (weight === 0) return { sizeBytes };
  const usedRatio = measured.reduce((sum, disk) => sum + disk.ratio * disk.weight, 0) / weight;
  return { sizeBytes, usedRatio };
}

function userFields(reading: FamilyReading): Fields {
  const recent = [...reading.series("pihealth_user_recent_rank")];
  recent.sort((left, right) => left.value - right.value);
  const sessions = sorted(reading.series("pihealth_user_session_info"), "user").map(({ labels }) =>
    ["user", "address", "tty"].map((name) => escapeName(labels[name] ?? "")).join("_"),
  );
  return [
    formatCount(reading.value("pihealth_users_real")),
    names(recent),
    names(sorted(reading.series("pihealth_user_root_info"), "user")),
    formatCount(reading.value("pihealth_user_sessions")),
    `[${sessions.join(",")}]`,
  ];
}

function maliciousRows(reading: FamilyReading): Fields[] {
  const rows = [...reading.series("pihealth_malicious_process_cpu_ratio")];
  rows.sort((left, right) => right.value - left.value);
  return rows.map(({ labels, value }) => [
    escapeName(labels["name"]?.replaceAll(" ", "_") ?? labels["comm"] ?? ""), // Older exporters send no name.
    escapeName(labels["pid"] ?? ""),
    escapeName(labels["user"] ?? ""),
    formatPercent(value),
    formatPercent(reading.value("pihealth_malicious_process_memory_ratio", labels)),
  ]);
}

function sorted(series: readonly LabelledValue[], label: string): LabelledValue[] {
  const textOf = ({ labels }: LabelledValue): string => labels[label] ?? "";
  return [...series].sort((left, right) => (textOf(left) < textOf(right) ? -1 : 1));
}

function names(series: readonly LabelledValue[]): string {
  const users = series.map(({ labels }) => escapeName(labels["user"] ?? ""));
  return users.length === 0 ? MISSING : users.join(",");
}

function levelOf(reading: FamilyReading, family: Family): string {
  const level = reading.value("pihealth_alarm_level", { family });
  return Object.entries(ALARM_LEVELS).find(([, value]) => value === level)?.[0] ?? MISSING;
}

/** Staleness markers and other NaN values are missing values, too. */
function format(value: number | undefined, write: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? MISSING : write(value);
}

const formatSize = (value: number | undefined): string => format(value, formatByteSize);
const formatLoad = (value: number | undefined): string => format(value, (load) => load.toFixed(2));
const formatCount = (value: number | undefined): string => format(value, String);

const formatPercent = (value: number | undefined): string =>
  format(value, (ratio) => `${(ratio * 100).toFixed(1)}%`);

const formatCelsius = (value: number | undefined): string =>
  format(value, (celsius) => `${celsius.toFixed(1)}C`);

/** As `12d03h25m`, days only where there are any. */
function formatUptime(value: number | undefined): string {
  return format(value, (seconds) => {
    const minutes = Math.floor(seconds / 60);
    const two = (count: number): string => String(count).padStart(2, "0");
    const days = Math.floor(minutes / 1440);
    const rest = `${two(Math.floor(minutes / 60) % 24)}h${two(minutes % 60)}m`;
    return days === 0 ? rest : `${days}d${rest}`;
  });
}
