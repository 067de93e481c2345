import { readFact, type FileTree } from "./file-tree.js";

/**
 * A whole disk, such as `mmcblk0`, `nvme0n1`, `sda` or `cciss/c0d0`, by the name that
 * /proc/diskstats and lsblk use.
 */
export interface Disk {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface BlockDevices {
  readonly disks: readonly Disk[];
  /**
   * By `major:minor`: name of the device, and the disk that contains it, if that is one of `disks`.
   */
  readonly byNumber: ReadonlyMap<
    string,
    { readonly name: string; readonly disk: string | undefined }
  >;
  /** The disk that contains a device, by the device's name without `/dev/`. */
  readonly diskOf: ReadonlyMap<string, string>;
}

const SECTOR_BYTES = 512; // Unit of /sys/block/<disk>/size for every disk.
/** Memory and files that look like disks, and drives for removable media. */
const NOT_A_DISK = /^(loop|ram|zram|sr|fd|nbd|mtdblock)\d/;
/**
 * Built from other block devices, also while it has none: device mapper (LVM, encryption) and
 * software RAID. Others, such as bcache and RAID with a name, have devices below them.
 */
const COMPOSED = /^(dm-|md)\d/;
/** The boot and replay areas of an eMMC chip. */
const CHIP_AREA = /^mmcblk\d+(boot\d+|rpmb)$/;

/** A file name has no slash, so sysfs writes `!` for the slash in the name of a device. */
const deviceName = (folder: string): string => folder.replaceAll("!", "/");

/** Reads the disks, and the partitions and volumes on each. */
export async function readBlockDevices(sysfs: FileTree): Promise<BlockDevices> {
  const folders = (await sysfs.list("block", /./))
    .filter((folder) => !NOT_A_DISK.test(folder) && !CHIP_AREA.test(folder))
    .sort();
  const disks: Disk[] = [];
  const diskOf = new Map<string, string>();
  const numbers = new Map<string, string>();
  const composed: ComposedDevice[] = [];
  for (const folder of folders) {
    if ((await readFact(sysfs, `block/${folder}/hidden`)) === "1") continue; // A path to a disk.
    const sizeBytes = Number((await readFact(sysfs, `block/${folder}/size`)) ?? 0) * SECTOR_BYTES;
    const below = (await sysfs.list(`block/${folder}/slaves`, /./)).map(deviceName);
    const isComposed = COMPOSED.test(folder) || below.length > 0;
    if (!isComposed && !(sizeBytes > 0)) continue; // A card reader without a card.
    const name = deviceName(folder);
    await addNumber(sysfs, numbers, { name, folder: `block/${folder}` });
    const parts: string[] = [];
    for (const partition of await sysfs.list(`block/${folder}`, partitionPattern(folder))) {
      parts.push(deviceName(partition));
      const place = { name: deviceName(partition), folder: `block/${folder}/${partition}` };
      await addNumber(sysfs, numbers, place);
    }
    if (isComposed) {
      // btrfs has a device number of its own, and only the name of its device.
      const mapped = await readFact(sysfs, `block/${folder}/dm/name`);
      if (mapped !== undefined) parts.push(`mapper/${mapped}`);
      composed.push({ names: [name, ...parts], below });
    } else {
      disks.push({ name, sizeBytes });
      for (const one of [name, ...parts]) diskOf.set(one, name);
    }
  }
  addComposed(composed, diskOf);
  const byNumber = new Map(
    [...numbers].map(([number, name]) => [number, { name, disk: diskOf.get(name) }]),
  );
  return { disks, byNumber, diskOf };
}

/** A device that is built from others. */
interface ComposedDevice {
  /** Its own name, and those of its partitions. */
  readonly names: readonly string[];
  /** The devices that it is built from. */
  readonly below: readonly string[];
}

const MAX_LAYERS = 8; // Volumes on encryption on partitions of RAID are four layers.

/** A composed device is on the first disk below it. */
function addComposed(composed: readonly ComposedDevice[], diskOf: Map<string, string>): void {
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    for (const { names, below } of composed) {
      const disk = below.map((name) => diskOf.get(name)).find((found) => found !== undefined);
      if (disk === undefined) continue;
      for (const name of names) if (!diskOf.has(name)) diskOf.set(name, disk);
    }
  }
}

/** A partition is named after its disk, with a `p` between if the disk's name ends in a digit. */
function partitionPattern(disk: string): RegExp {
  return new RegExp(`^${disk.replace(/[^a-z0-9]/gi, "\\$&")}${/\d$/.test(disk) ? "p" : ""}\\d+$`);
}

async function addNumber(
  sysfs: FileTree,
  numbers: Map<string, string>,
  { name, folder }: NamedFolder,
): Promise<void> {
  const number = await readFact(sysfs, `${folder}/dev`);
  if (number !== undefined) numbers.set(number, name);
}

interface NamedFolder {
  readonly name: string;
  readonly folder: string;
}
