import type { ConfigSection } from "../shared/config/config-section.js";
import type { Thresholds } from "./alarm-level.js";

/** The settings of the collectors, in internal units. Intervals belong to the sampling loop. */
export interface CollectorSettings {
  /** Ratios from 0 to 1. */
  readonly memory: Thresholds;
  /** Degrees Celsius. */
  readonly cpu: Thresholds;
  readonly disk: Thresholds & {
    /** File system types that are left out. */
    readonly excludedTypes: readonly string[];
    /** Mounts at or below these folders are left out; `/folder/*` leaves out those below it. */
    readonly excludedMounts: readonly string[];
    /** Include network file systems. A dead server then blocks one thread until it answers. */
    readonly includesNetwork: boolean;
  };
  readonly network: {
    /** Names of devices, with `*` for any characters. */
    readonly excludedDevices: readonly string[];
  };
  readonly processes: {
    /** Number of top processes by processor time, and the same number by memory; 0 for none. */
    readonly topCount: number;
    /** Share of one processor from which on a process is suspect. */
    readonly maliciousCpuRatio: number;
    /** Share of all memory from which on a process is suspect. */
    readonly maliciousMemoryRatio: number;
    /** Time between the end of the first look and the start of the second. */
    readonly confirmMs: number;
    /** Names of processes that are never malicious, with `*` for any characters. */
    readonly ignoredNames: readonly string[];
    /** Names of processes that stay facts, and about which the shipped rules send no mail. */
    readonly quietNames: readonly string[];
  };
}

/** Types of file systems that store nothing, or are always full. */
const PSEUDO_TYPES = [
  "autofs",
  "binfmt_misc",
  "bpf",
  "cgroup",
  "cgroup2",
  "configfs",
  "cramfs",
  "debugfs",
  "devpts",
  "devtmpfs",
  "efivarfs",
  "erofs",
  "fuse.gvfsd-fuse",
  "fuse.lxcfs",
  "fuse.portal",
  "fusectl",
  "hugetlbfs",
  "iso9660",
  "mqueue",
  "nsfs",
  "overlay",
  "proc",
  "pstore",
  "ramfs",
  "rpc_pipefs",
  "securityfs",
  "selinuxfs",
  "squashfs",
  "sysfs",
  "tracefs",
  "udf",
] as const;

/** Folders that the system, containers and login sessions mount. */
const SYSTEM_MOUNTS = [
  "/dev",
  "/proc",
  "/sys",
  "/run/credentials",
  "/run/user",
  "/run/lock",
  "/run/docker",
  "/run/containerd",
  "/run/k3s",
  "/snap",
  // A disk of its own may be mounted at these folders.
  "/var/lib/docker/*",
  "/var/lib/containers/*",
  "/var/lib/containerd/*",
  "/var/lib/kubelet/*",
  "/var/snap",
] as const;

/** Package managers, compilers and backup tools, which use a processor for as long as they run. */
const WORKING_PROGRAMS = [
  ...["apt", "apt-get", "apt.systemd.dai*", "aptd", "apt-check", "apt-esm*", "aptitude", "dpkg*"],
  ...[
    "unattended-upgr*",
    "packagekitd",
    "dnf*",
    "yum",
    "rpm",
    "pacman",
    "apk",
    "snapd",
    "flatpak*",
  ],
  ...[
    "update-initramf*",
    "mkinitramfs",
    "mandb",
    "npm*",
    "yarn*",
    "pnpm*",
    "pip*",
    "cargo*",
    "gem",
  ],
  ...[
    "gcc*",
    "g++*",
    "cc",
    "cc1*",
    "c++*",
    "clang*",
    "as",
    "ld",
    "ld.*",
    "lld*",
    "collect2",
    "rustc",
  ],
  ...[
    "lto1*",
    "lto-wrapper",
    "make",
    "gmake",
    "ninja",
    "cmake*",
    "ccache",
    "javac",
    "tsc",
    "esbuild",
  ],
  ...["zypper", "emerge", "nix*", "guix*", "opkg", "xbps-*", "brew", "composer", "conda", "uv"],
  ...["go", "compile", "gfortran*", "f951", "ghc*", "swift-frontend", "kotlinc", "scalac", "zig"],
  ...["nvcc", "cicc", "ptxas", "bacula-*", "bareos-*", "vzdump", "lz4", "7z*", "zip", "cpio"],
  ...["borg*", "restic", "rsync", "rclone", "duplicity*", "kopia", "rdiff-backup*", "tar", "gzip"],
  ...[
    "pigz",
    "bzip2",
    "xz",
    "zstd",
    "mysqldump",
    "mariadb-dump",
    "pg_dump*",
    "rsnapshot",
    "timeshift",
  ],
];

export const DEFAULT_COLLECTOR_SETTINGS: CollectorSettings = Object.freeze({
  memory: { note: 0.7, warning: 0.8 },
  cpu: { note: 50, warning: 70 },
  disk: {
    note: 0.8,
    warning: 0.9,
    excludedTypes: PSEUDO_TYPES,
    excludedMounts: SYSTEM_MOUNTS,
    includesNetwork: false,
  },
  network: { excludedDevices: ["lo", "veth*", "ifb*"] },
  processes: {
    topCount: 3,
    maliciousCpuRatio: 0.5,
    maliciousMemoryRatio: 0.5,
    confirmMs: 5000,
    ignoredNames: [],
    quietNames: WORKING_PROGRAMS,
  },
});

/**
 * Reads the settings of all collectors. Every key is optional; a list replaces the default list.
 *
 * @throws {ConfigError} naming the key that is wrong or unknown
 */
export function parseCollectorSettings(section: ConfigSection): CollectorSettings {
  const usual = DEFAULT_COLLECTOR_SETTINGS;
  const settings: CollectorSettings = {
    memory: parseMemory(section.section("memory")),
    cpu: parseCpu(section.section("cpu")),
    disk: parseDisk(section.section("disk")),
    network: parseSection(section.section("network"), (network) => ({
      excludedDevices: network.strings("exclude_devices", {
        default: usual.network.excludedDevices,
      }),
    })),
    processes: parseSection(section.section("processes"), parseProcesses),
  };
  section.rejectUnknownKeys();
  return Object.freeze(settings);
}

function parseSection<Result>(
  section: ConfigSection,
  parse: (section: ConfigSection) => Result,
): Result {
  const result = parse(section);
  section.rejectUnknownKeys();
  return result;
}

const parseMemory = (section: ConfigSection): Thresholds =>
  parseSection(section, () => parsePercentThresholds(section, DEFAULT_COLLECTOR_SETTINGS.memory));

function parseCpu(section: ConfigSection): Thresholds {
  return parseSection(section, () => {
    const { cpu } = DEFAULT_COLLECTOR_SETTINGS;
    const thresholds = {
      note: section.number("note_celsius", { default: cpu.note, min: -50, max: 200 }),
      warning: section.number("warning_celsius", { default: cpu.warning, min: -50, max: 200 }),
    };
    requireOrder(section, "note_celsius", thresholds);
    return thresholds;
  });
}

function parseDisk(section: ConfigSection): CollectorSettings["disk"] {
  const { disk } = DEFAULT_COLLECTOR_SETTINGS;
  return parseSection(section, () => ({
    ...parsePercentThresholds(section, disk),
    excludedTypes: section.strings("exclude_types", { default: disk.excludedTypes }),
    excludedMounts: section
      .strings("exclude_mounts", { default: disk.excludedMounts })
      .map((folder) => {
        if (!folder.startsWith("/"))
          section.fail("exclude_mounts", `holds "${folder}", it must hold absolute paths`);
        return folder.replace(/(?<=.)\/+$/, "");
      }),
    includesNetwork: section.boolean("network_file_systems", { default: disk.includesNetwork }),
  }));
}

function parseProcesses(section: ConfigSection): CollectorSettings["processes"] {
  const { processes } = DEFAULT_COLLECTOR_SETTINGS;
  return {
    topCount: section.integer("top_count", { default: processes.topCount, min: 0, max: 20 }),
    maliciousCpuRatio:
      section.number("malicious_cpu_percent", { default: 50, min: 1, max: 10_000 }) / 100,
    maliciousMemoryRatio:
      section.number("malicious_memory_percent", { default: 50, min: 0.1, max: 100 }) / 100,
    confirmMs: section.durationMs("confirm_after", { default: "5s", min: "1s", max: "10s" }),
    ignoredNames: section.strings("ignore", { default: processes.ignoredNames }),
    quietNames: section.has("ignore") ? [] : processes.quietNames,
  };
}

function parsePercentThresholds(section: ConfigSection, usual: Thresholds): Thresholds {
  const percent = (key: string, ratio: number): number =>
    section.number(key, { default: ratio * 100, min: 0, max: 100 }) / 100;
  const thresholds = {
    note: percent("note_percent", usual.note),
    warning: percent("warning_percent", usual.warning),
  };
  requireOrder(section, "note_percent", thresholds);
  return thresholds;
}

function requireOrder(
  section: ConfigSection,
  noteKey: string,
  { note, warning }: Thresholds,
): void {
  if (note > warning)
    section.fail(noteKey, "is above the threshold of the warning, it must be at most that");
}
