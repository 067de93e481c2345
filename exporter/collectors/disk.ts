/**
 * Size and free space of every disk and every mounted file system, and the disk level.
 *
 * Sources: /proc/1/mountinfo for mounts, statfs(2) for space, /sys/block for disks. A file system is
 * shown once, however often it is mounted or bound. Memory file systems (tmpfs) are included,
 * because a full /tmp or /run stops programs just the same. Network file systems are left out unless
 * enabled.
 */
import { readBlockDevices, type BlockDevices } from "../sources/block-devices.js";
import { isAnsweredByKernel, STUCK, type FileSystems } from "../sources/file-systems.js";
import { readMounts, type Mount } from "../sources/mounts.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import { codeOf } from "../shared/model/errors.js";
import type { FileSystemFacts } from "../shared/platform/files.js";
import { ALARM_LEVEL, alarmLevelSample } from "./alarm-level.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { leftOutSample, ROWS_LEFT_OUT } from "./left-out.js";
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
  "1 when a file system is read-only, else 0. A read-only mount of a writable file system is 0.",
);
export const FILE_SYSTEM_STUCK = fileSystemGauge(
  "stuck",
  "1 when a file system does not answer, or fails to say its size, else 0.",
);

export const LAST_USED_RATIO = fileSystemGauge(
  "last_used_ratio",
  "Used share that a file system had when it last answered, while it does not answer.",
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
  LAST_USED_RATIO,
];

/** One file system with its facts; undefined when it gave none. */
interface Row {
  readonly mount: Mount;
  readonly device: string;
  readonly disk: string | undefined;
  readonly facts: FileSystemFacts | undefined;
}

type Answer = FileSystemFacts | typeof STUCK | "absent" | "forbidden";

/** Most file systems shown. All are asked, and all decide the level. */
const MAX_ROWS = 64;
/** Most file systems asked in one run. */
const MAX_ASKED = 4096;
/** File systems asked at once; most are asked in processes of their own. */
const ASKED_AT_ONCE = 8;

export function createDiskCollector(
  { procfs, sysfs, fileSystems, rootfs }: Sources,
  { disk }: CollectorSettings,
): Collector {
  const lastRatios = new LastRatios();
  return {
    name: "disk",
    metrics: [
      DISK_SIZE,
      DISK_AVAILABLE,
      DISK_USED_RATIO,
      ...FILE_SYSTEM_METRICS,
      ALARM_LEVEL,
      ROWS_LEFT_OUT,
    ],
    async collect(signal) {
      const mounts = chooseMounts(await readMounts(procfs, rootfs), disk);
      const devices = await readBlockDevices(sysfs);
      const asked = mounts.slice(0, MAX_ASKED);
      const answers = await answersOf(fileSystems, asked, signal);
      const rows = asked.flatMap((mount): Row[] => {
        const answer = answers.get(mount) ?? STUCK;
        if (answer === "absent" || answer === "forbidden") return [];
        const facts = answer === STUCK ? undefined : answer;
        return [{ mount, ...placeOf(mount, devices), facts }];
      });
      const ratios = lastRatios.update(rows);
      const shown = chooseRows(rows, ratios);
      const forbidden = [...answers.values()].filter((answer) => answer === "forbidden").length;
      return [
        ...diskSamples(devices, rows),
        ...shown.flatMap((row) => fileSystemSamples(row, ratios.get(row))),
        ...levelSamples(rows, ratios, disk),
        leftOutSample(
          "disk",
          "filesystem",
          rows.length - shown.length + mounts.length - asked.length,
        ),
        leftOutSample("disk", "filesystem_without_permission", forbidden),
      ];
    },
  };
}

/** Asks local file systems first, then those that may wait for a server, several at once. */
async function answersOf(
  fileSystems: FileSystems,
  mounts: readonly Mount[],
  signal: AbortSignal,
): Promise<Map<Mount, Answer>> {
  const answers = new Map<Mount, Answer>();
  const isLocal = ({ type }: Mount): boolean => isAnsweredByKernel(type);
  for (const mount of mounts.filter(isLocal))
    answers.set(mount, await answerOf(fileSystems, mount, signal));
  const others = mounts.filter((mount) => !isLocal(mount)).values();
  const askOthers = async (): Promise<void> => {
    for (const mount of others) answers.set(mount, await answerOf(fileSystems, mount, signal));
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOthers));
  return answers;
}

async function answerOf(
  fileSystems: FileSystems,
  { path, type }: Mount,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const facts = await fileSystems.facts(path, signal, type);
    // A file system without a size stores nothing.
    return facts === STUCK || facts.sizeBytes > 0 ? facts : "absent";
  } catch (error) {
    if (signal.aborted) throw error;
    const code = codeOf(error) ?? "";
    if (["ENOENT", "ENOTDIR"].includes(code)) return "absent"; // Unmounted since the list was read.
    if (["EACCES", "EPERM"].includes(code)) return "forbidden";
    return STUCK; // Its server or disk fails, or it says what cannot be.
  }
}

/** The used ratio of each file system, as its last answer said while it is mounted. */
class LastRatios {
  private known = new Map<string, number>();

  update(rows: readonly Row[]): ReadonlyMap<Row, number> {
    const known = new Map<string, number>();
    const ratios = new Map<Row, number>();
    for (const row of rows) {
      const key = `${row.mount.deviceNumber} ${row.mount.mountPoint}`;
      const ratio = row.facts === undefined ? this.known.get(key) : usedRatioOf(row.facts);
      if (ratio === undefined) continue;
      known.set(key, ratio);
      ratios.set(row, ratio);
    }
    this.known = known;
    return ratios;
  }
}

/**
 * The rows to show, in order of mount points: the fullest one, then those on disks, then the
 * others, larger ones first.
 */
function chooseRows(rows: readonly Row[], ratios: ReadonlyMap<Row, number>): readonly Row[] {
  if (rows.length <= MAX_ROWS) return rows;
  const writable = rows.filter(({ mount }) => !mount.isReadOnly);
  const ratioOf = (row: Row): number => ratios.get(row) ?? -1;
  const fullest = writable.reduce<Row | undefined>(
    (most, row) => (most === undefined || ratioOf(row) > ratioOf(most) ? row : most),
    undefined,
  );
  const rank = (row: Row): number =>
    row === fullest ? 0 : row.disk !== undefined ? 1 : row.device.startsWith("/dev/") ? 2 : 3;
  const sizeOf = ({ facts }: Row): number => facts?.sizeBytes ?? 0;
  const ranked = [...rows].sort(
    (left, right) => rank(left) - rank(right) || sizeOf(right) - sizeOf(left),
  );
  const shown = new Set(ranked.slice(0, MAX_ROWS));
  return rows.filter((row) => shown.has(row));
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
    const size = DISK_SIZE.sample(sizeBytes, { disk: name });
    const ours = rows.filter(({ disk }) => disk === name);
    const facts = ours.flatMap((row) => row.facts ?? []);
    // Without the answer of one of them, the sum would be wrong.
    if (facts.length === 0 || facts.length < ours.length) return [size];
    const available = facts.reduce((sum, { availableBytes }) => sum + availableBytes, 0);
    const used = facts.reduce((sum, { sizeBytes: whole, freeBytes }) => sum + whole - freeBytes, 0);
    return [
      size,
      DISK_AVAILABLE.sample(available, { disk: name }),
      DISK_USED_RATIO.sample(usedRatio(used, available), { disk: name }),
    ];
  });
}

/** @param ratio as the file system last answered */
function fileSystemSamples({ mount, device, facts }: Row, ratio: number | undefined): Sample[] {
  const labels = { device, mountpoint: mount.mountPoint, fstype: mount.type };
  const stuck = FILE_SYSTEM_STUCK.sample(facts === undefined ? 1 : 0, labels);
  const readonly = READONLY.sample(mount.isReadOnly ? 1 : 0, labels);
  if (facts === undefined) {
    const last = ratio === undefined ? [] : [LAST_USED_RATIO.sample(ratio, labels)];
    return [stuck, readonly, ...last];
  }
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

/**
 * The fullest file system decides. Read-only ones cannot fill up and do not count. One that does
 * not answer counts as it last did.
 */
function levelSamples(
  rows: readonly Row[],
  ratios: ReadonlyMap<Row, number>,
  thresholds: CollectorSettings["disk"],
): Sample[] {
  const writable = rows.filter(({ mount }) => !mount.isReadOnly);
  const deciding = writable.flatMap((row) => ratios.get(row) ?? []);
  // None has ever answered: the level is not known. Without any, nothing can fill up.
  if (deciding.length === 0 && writable.length > 0) return [];
  const worst = deciding.reduce((most, ratio) => Math.max(most, ratio), 0);
  return [alarmLevelSample("disk", worst, thresholds)];
}

const usedRatioOf = ({ sizeBytes, freeBytes, availableBytes }: FileSystemFacts): number =>
  usedRatio(sizeBytes - freeBytes, availableBytes);

/** As df computes it: space reserved for root is neither used nor free. */
function usedRatio(usedBytes: number, availableBytes: number): number {
  const whole = usedBytes + availableBytes;
  return whole > 0 ? usedBytes / whole : 0;
}
