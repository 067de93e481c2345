import { formatExactSize } from "./byte-size.js";
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
    summary: "Room on all disks together and on each of several (0), and on each file system (1)",
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
    fields: ["time", "users", "[recent,...]", "[root-user,...]", "[name_ip_tty,...]"],
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
      // Available, because the used percentage is the rest of it. Older exporters lack it.
      formatSize(
        reading.value("pihealth_memory_available_bytes") ??
          reading.value("pihealth_memory_free_bytes"),
      ),
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

/** The row `disk` is all disks together; each has a row of its own when there are several. */
function diskRows(reading: FamilyReading): Fields[] {
  const disks = sorted(reading.series("pihealth_disk_size_bytes"), "disk").map(
    ({ labels, value }) => ({
      name: escapeName(labels["disk"] ?? ""),
      room: roomOf(reading, "pihealth_disk", labels, value),
    }),
  );
  if (disks.length === 0) return [];
  const whole = { name: "disk", room: together(disks.map(({ room }) => room)) };
  return [whole, ...(disks.length > 1 ? disks : [])].map(({ name, room }) => [
    "0",
    name,
    ...roomFields(room),
  ]);
}

/** File systems in memory, which only the metrics have. */
const MEMORY_FILE_SYSTEMS = ["tmpfs", "ramfs"];

/** Every file system has a read-only mark. A file system that is stuck has nothing else. */
function fileSystemRows(reading: FamilyReading): Fields[] {
  const rows = sorted(reading.series("pihealth_filesystem_readonly"), "mountpoint");
  return rows
    .filter(({ labels }) => !MEMORY_FILE_SYSTEMS.includes(labels["fstype"] ?? ""))
    .map(({ labels }) => [
      "1",
      escapeName(labels["mountpoint"] ?? ""),
      ...roomFields(
        roomOf(
          reading,
          "pihealth_filesystem",
          labels,
          reading.value("pihealth_filesystem_size_bytes", labels),
        ),
      ),
    ]);
}

/** Sizes in bytes. Total, available and used ratio fit each other. */
interface Room {
  readonly totalBytes: number | undefined;
  readonly availableBytes: number | undefined;
  readonly usedRatio: number | undefined;
}

/**
 * As in df, the space that is reserved for root is neither used nor available. It is no part of the
 * total either. A disk of which nothing is mounted has only a size.
 */
function roomOf(
  reading: FamilyReading,
  prefix: string,
  labels: Readonly<Record<string, string>>,
  sizeBytes: number | undefined,
): Room {
  const availableBytes = reading.value(`${prefix}_available_bytes`, labels);
  const usedRatio = reading.value(`${prefix}_used_ratio`, labels);
  const isKnown = availableBytes !== undefined && usedRatio !== undefined && usedRatio < 1;
  const totalBytes = isKnown ? availableBytes / (1 - usedRatio) : sizeBytes;
  return { totalBytes, availableBytes, usedRatio };
}

function together(rooms: readonly Room[]): Room {
  const known = rooms.filter(({ usedRatio }) => usedRatio !== undefined);
  const [first] = rooms;
  if (rooms.length === 1 && first !== undefined) return first;
  const sum = (bytesOf: (room: Room) => number | undefined, of: readonly Room[] = known): number =>
    of.reduce((total, room) => total + (bytesOf(room) ?? 0), 0);
  if (known.length === 0) {
    const totalBytes = sum((room) => room.totalBytes, rooms);
    return { totalBytes, availableBytes: undefined, usedRatio: undefined };
  }
  const totalBytes = sum((room) => room.totalBytes);
  const availableBytes = sum((room) => room.availableBytes);
  return { totalBytes, availableBytes, usedRatio: 1 - availableBytes / totalBytes };
}

const roomFields = ({ totalBytes, availableBytes, usedRatio }: Room): Fields => [
  formatSize(totalBytes),
  formatSize(availableBytes),
  formatPercent(usedRatio),
];

function systemFields(reading: FamilyReading): Fields {
  const info = reading.series("pihealth_system_info")[0]?.labels ?? {};
  const [, , diskTotal = MISSING, , diskUsed = MISSING] = diskRows(reading)[0] ?? [];
  return [
    escapeName(info["hostname"] ?? ""),
    escapeName((info["os"] ?? "").replaceAll(" ", "_")),
    escapeName(info["kernel"] ?? ""),
    formatUptime(reading.value("pihealth_uptime_seconds")),
    formatLoad(reading.value("pihealth_load1")),
    diskTotal,
    diskUsed,
    formatSize(reading.value("pihealth_memory_total_bytes")),
    formatPercent(reading.value("pihealth_memory_used_ratio")),
    formatCelsius(reading.value("pihealth_cpu_temperature_celsius")),
    levelOf(reading, "disk"),
    levelOf(reading, "memory"),
    levelOf(reading, "cpu"),
  ];
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
  return `[${series.map(({ labels }) => escapeName(labels["user"] ?? "")).join(",")}]`;
}

function levelOf(reading: FamilyReading, family: Family): string {
  const level = reading.value("pihealth_alarm_level", { family });
  return Object.entries(ALARM_LEVELS).find(([, value]) => value === level)?.[0] ?? MISSING;
}

/** Staleness markers and other NaN values are missing values, too. */
function format(value: number | undefined, write: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? MISSING : write(value);
}

const formatSize = (value: number | undefined): string => format(value, formatExactSize);
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
