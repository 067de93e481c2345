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
import type { Clock } from "../shared/platform/clock.js";
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
/** Most file systems asked in one run: those on disks first. */
const MAX_ASKED = 4096;
/** Time after which no further file system is asked in a run; it is below the usual deadline. */
const ASKING_MS = 6000;
/** File systems asked at once; most are asked in processes of their own. */
const ASKED_AT_ONCE = 8;

export function createDiskCollector(
  { procfs, sysfs, fileSystems, rootfs, clock }: Sources,
  { disk }: CollectorSettings,
): Collector {
  const lastRatios = new LastRatios();
  const inquiry = new Inquiry(fileSystems, clock);
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
      const all = chooseMounts(await readMounts(procfs, rootfs), disk);
      const mounts = all.filter(({ isReachable }) => isReachable);
      const devices = await readBlockDevices(sysfs);
      const asked = mostImportant(mounts);
      const answers = await inquiry.ask(asked, signal);
      const rows = asked.flatMap((mount): Row[] => {
        const answer = answers.get(mount) ?? STUCK;
        // One that has answered before has a level, which lasts until it answers again.
        const isUnknown = !lastRatios.has(mount);
        if ((answer === "absent" || answer === "forbidden") && isUnknown) return [];
        const facts = typeof answer === "string" ? undefined : answer;
        return [{ mount, ...placeOf(mount, devices), facts }];
      });
      const ratios = lastRatios.update(rows);
      const shown = chooseRows(rows, ratios);
      const forbidden = asked.filter(
        (mount) => answers.get(mount) === "forbidden" && !ratios.has(mount),
      ).length;
      return [
        ...diskSamples(devices, rows),
        ...shown.flatMap((row) => fileSystemSamples(row, ratios.get(row.mount))),
        ...levelSamples(rows, ratios, disk),
        leftOutSample(
          "disk",
          "filesystem",
          rows.length - shown.length + mounts.length - asked.length,
        ),
        leftOutSample("disk", "filesystem_without_permission", forbidden),
        leftOutSample("disk", "filesystem_out_of_reach", all.length - mounts.length),
      ];
    },
  };
}

/** Of too many, those on disks, then others of the kernel, then those in memory or on servers. */
function mostImportant(mounts: readonly Mount[]): readonly Mount[] {
  if (mounts.length <= MAX_ASKED) return mounts;
  const rank = ({ source, type }: Mount): number =>
    source.startsWith("/dev/") ? 0 : type !== "tmpfs" && isAnsweredByKernel(type) ? 1 : 2;
  const ranked = [...mounts].sort((left, right) => rank(left) - rank(right));
  const chosen = new Set(ranked.slice(0, MAX_ASKED));
  return mounts.filter((mount) => chosen.has(mount));
}

/**
 * Asks local file systems first, then those that may wait for a server, several at once. Each wait
 * for a dead one takes two seconds; when the time for asking is over, the others count as stuck. In
 * the next run, those that did not answer are asked last.
 */
class Inquiry {
  private silent: ReadonlySet<string> = new Set();

  constructor(
    private readonly fileSystems: FileSystems,
    private readonly clock: Clock,
  ) {}

  async ask(mounts: readonly Mount[], signal: AbortSignal): Promise<Map<Mount, Answer>> {
    const answers = new Map<Mount, Answer>();
    const silent = new Set<string>();
    const endMs = this.clock.monotonicMs() + ASKING_MS;
    const askAll = async (queue: Iterable<Mount>): Promise<void> => {
      for (const mount of queue) {
        if (this.clock.monotonicMs() >= endMs) return;
        const answer = await answerOf(this.fileSystems, mount, signal);
        answers.set(mount, answer);
        if (answer === STUCK) silent.add(keyOf(mount));
      }
    };
    const wasSilent = (mount: Mount): boolean => this.silent.has(keyOf(mount));
    const ordered = [...mounts].sort(
      (left, right) => Number(wasSilent(left)) - Number(wasSilent(right)),
    );
    const isLocal = ({ type }: Mount): boolean => isAnsweredByKernel(type);
    await askAll(ordered.filter(isLocal));
    const others = ordered.filter((mount) => !isLocal(mount)).values();
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, () => askAll(others)));
    this.silent = silent;
    return answers;
  }
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

const keyOf = ({ deviceNumber, mountPoint }: Mount): string => `${deviceNumber} ${mountPoint}`;

/** The used ratio of each file system, as its last answer said while it is mounted. */
class LastRatios {
  private known = new Map<string, number>();

  has(mount: Mount): boolean {
    return this.known.has(keyOf(mount));
  }

  update(rows: readonly Row[]): ReadonlyMap<Mount, number> {
    const known = new Map<string, number>();
    const ratios = new Map<Mount, number>();
    for (const { mount, facts } of rows) {
      const key = keyOf(mount);
      const ratio = facts === undefined ? this.known.get(key) : usedRatioOf(facts);
      if (ratio === undefined) continue;
      known.set(key, ratio);
      ratios.set(mount, ratio);
    }
    this.known = known;
    return ratios;
  }
}

/**
 * The rows to show, in order of mount points: the fullest one, then those on disks, then the
 * others, larger ones first.
 */
function chooseRows(rows: readonly Row[], ratios: ReadonlyMap<Mount, number>): readonly Row[] {
  if (rows.length <= MAX_ROWS) return rows;
  const writable = rows.filter(({ mount }) => !mount.isReadOnly);
  const ratioOf = (row: Row): number => ratios.get(row.mount) ?? -1;
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
  ratios: ReadonlyMap<Mount, number>,
  thresholds: CollectorSettings["disk"],
): Sample[] {
  const writable = rows.filter(({ mount }) => !mount.isReadOnly);
  const deciding = writable.flatMap(({ mount }) => ratios.get(mount) ?? []);
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
