/**
 * Size and free space of every disk and every mounted file system, and the disk level.
 *
 * Sources: /proc/self/mountinfo for mounts, statfs(2) for space, /sys/block for disks. A file
 * system is shown once, however often it is mounted or bound. Memory file systems (tmpfs) are
 * included, because a full /tmp or /run stops programs just the same. Network file systems are left
 * out unless enabled, because statfs may never return for a dead server.
 */
import type { BlockDevices } from "../sources/block-devices.js";
import { KnownBlockDevices } from "../sources/block-devices.js";
import { STUCK } from "../sources/file-systems.js";
import { readMounts, type Mount } from "../sources/mounts.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import type { FileSystemFacts } from "../shared/platform/files.js";
import { ALARM_LEVEL, alarmLevelSample } from "./alarm-level.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { chooseMounts } from "./mount-choice.js";

const diskGauge = (name: string, help: string): MetricDefinition<"disk"> =>
  gauge({ name: `pihealth_disk_${name}`, help, labels: ["disk"] });

export const DISK_SIZE = diskGauge("size_bytes", "Size of a whole disk in bytes.");
export const DISK_AVAILABLE = diskGauge(
  "available_bytes",
  "Bytes that ordinary users can still write to all file systems of a disk.",
);
export const DISK_USED_RATIO = diskGauge(
  "used_ratio",
  "Used share of all file systems of a disk, from 0 to 1.",
);

type FileSystemLabel = "device" | "mountpoint" | "fstype";

function fileSystemGauge(name: string, help: string): MetricDefinition<FileSystemLabel> {
  return gauge({
    name: `pihealth_filesystem_${name}`,
    help,
    labels: ["device", "mountpoint", "fstype"],
  });
}

export const SIZE = fileSystemGauge("size_bytes", "Size of a file system in bytes.");
export const AVAILABLE = fileSystemGauge(
  "available_bytes",
  "Bytes that ordinary users can still write to a file system.",
);
export const FREE = fileSystemGauge(
  "free_bytes",
  "Unused bytes of a file system, including those reserved for root.",
);
export const USED_RATIO = fileSystemGauge(
  "used_ratio",
  "Used share of a file system, as df shows it, from 0 to 1.",
);
export const INODES = fileSystemGauge("inodes", "Number of files that a file system can hold.");
export const INODES_FREE = fileSystemGauge(
  "inodes_free",
  "Number of files that can still be created in a file system.",
);
export const READONLY = fileSystemGauge(
  "readonly",
  "1 when a file system is mounted read-only, else 0.",
);
export const FILE_SYSTEM_STUCK = fileSystemGauge(
  "stuck",
  "1 when a file system does not answer, else 0.",
);

const FILE_SYSTEM_METRICS = [
  SIZE,
  AVAILABLE,
  FREE,
  USED_RATIO,
  INODES,
  INODES_FREE,
  READONLY,
  FILE_SYSTEM_STUCK,
];

/** One file system with its facts; undefined when it gave none. */
interface Row {
  readonly mount: Mount;
  readonly device: string;
  readonly disk: string | undefined;
  readonly facts: FileSystemFacts | undefined;
}

export function createDiskCollector(
  { procfs, sysfs, fileSystems, clock }: Sources,
  { disk }: CollectorSettings,
): Collector {
  const blockDevices = new KnownBlockDevices(sysfs, clock);
  return {
    name: "disk",
    metrics: [DISK_SIZE, DISK_AVAILABLE, DISK_USED_RATIO, ...FILE_SYSTEM_METRICS, ALARM_LEVEL],
    async collect(signal) {
      const mounts = chooseMounts(await readMounts(procfs), disk);
      const devices = await blockDevices.read(mounts.map(({ deviceNumber }) => deviceNumber));
      const rows: Row[] = [];
      for (const mount of mounts) {
        const answer = await factsOf(mount);
        if (answer !== undefined)
          rows.push({
            mount,
            ...placeOf(mount, devices),
            facts: answer === STUCK ? undefined : answer,
          });
      }
      return [
        ...diskSamples(devices, rows),
        ...rows.flatMap(fileSystemSamples),
        ...levelSamples(rows, disk),
      ];

      async function factsOf({
        mountPoint,
      }: Mount): Promise<FileSystemFacts | typeof STUCK | undefined> {
        try {
          const facts = await fileSystems.facts(mountPoint, signal);
          const isStore = facts === STUCK || facts.sizeBytes > 0; // A file system without a size stores nothing.
          return isStore ? facts : undefined;
        } catch (error) {
          if (signal.aborted) throw error;
          return undefined; // It was unmounted since the list was read, or its folder is not accessible.
        }
      }
    },
  };
}

/** The kernel's device name replaces names such as `/dev/root`, where it is known. */
function placeOf(
  { deviceNumber, source }: Mount,
  devices: BlockDevices,
): { device: string; disk: string | undefined } {
  const known = devices.byNumber.get(deviceNumber);
  if (known === undefined)
    return { device: source, disk: devices.diskOf.get(source.replace(/^\/dev\//, "")) };
  return { device: source === "/dev/root" ? `/dev/${known.name}` : source, disk: known.disk };
}

function diskSamples({ disks }: BlockDevices, rows: readonly Row[]): Sample[] {
  return disks.flatMap(({ name, sizeBytes }) => {
    const facts = rows.flatMap((row) =>
      row.disk === name && row.facts !== undefined ? [row.facts] : [],
    );
    const size = DISK_SIZE.sample(sizeBytes, { disk: name });
    if (facts.length === 0) return [size];
    const available = facts.reduce((sum, { availableBytes }) => sum + availableBytes, 0);
    const used = facts.reduce((sum, { sizeBytes: whole, freeBytes }) => sum + whole - freeBytes, 0);
    return [
      size,
      DISK_AVAILABLE.sample(available, { disk: name }),
      DISK_USED_RATIO.sample(usedRatio(used, available), { disk: name }),
    ];
  });
}

function fileSystemSamples({ mount, device, facts }: Row): Sample[] {
  const labels = { device, mountpoint: mount.mountPoint, fstype: mount.type };
  const stuck = FILE_SYSTEM_STUCK.sample(facts === undefined ? 1 : 0, labels);
  const readonly = READONLY.sample(mount.isReadOnly ? 1 : 0, labels);
  if (facts === undefined) return [stuck, readonly];
  const samples = [
    SIZE.sample(facts.sizeBytes, labels),
    AVAILABLE.sample(facts.availableBytes, labels),
    FREE.sample(facts.freeBytes, labels),
    USED_RATIO.sample(usedRatioOf(facts), labels),
    readonly,
    stuck,
  ];
  if (facts.inodes === 0) return samples; // FAT and btrfs have no fixed number of inodes.
  return [
    ...samples,
    INODES.sample(facts.inodes, labels),
    INODES_FREE.sample(facts.freeInodes, labels),
  ];
}

/** The fullest file system decides. Read-only ones cannot fill up and do not count. */
function levelSamples(rows: readonly Row[], thresholds: CollectorSettings["disk"]): Sample[] {
  const ratios = rows.flatMap(({ mount, facts }) =>
    facts === undefined || mount.isReadOnly ? [] : [usedRatioOf(facts)],
  );
  return ratios.length === 0 ? [] : [alarmLevelSample("disk", Math.max(...ratios), thresholds)];
}

const usedRatioOf = ({ sizeBytes, freeBytes, availableBytes }: FileSystemFacts): number =>
  usedRatio(sizeBytes - freeBytes, availableBytes);

/** As df computes it: space reserved for root is neither used nor free. */
function usedRatio(usedBytes: number, availableBytes: number): number {
  const whole = usedBytes + availableBytes;
  return whole > 0 ? usedBytes / whole : 0;
}
