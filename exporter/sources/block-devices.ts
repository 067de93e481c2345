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
/** Built from other block devices: device mapper (LVM, encryption) and software RAID. */
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
  for (const folder of folders.filter((candidate) => !COMPOSED.test(candidate))) {
    const sizeBytes = Number((await readFact(sysfs, `block/${folder}/size`)) ?? 0) * SECTOR_BYTES;
    if (!(sizeBytes > 0)) continue; // A card reader without a card.
    const name = deviceName(folder);
    disks.push({ name, sizeBytes });
    diskOf.set(name, name);
    await addNumber(sysfs, numbers, { name, folder: `block/${folder}` });
    for (const partition of await sysfs.list(`block/${folder}`, partitionPattern(folder))) {
      const part = deviceName(partition);
      diskOf.set(part, name);
      await addNumber(sysfs, numbers, { name: part, folder: `block/${folder}/${partition}` });
    }
  }
  for (const name of folders.filter((candidate) => COMPOSED.test(candidate))) {
    await addNumber(sysfs, numbers, { name, folder: `block/${name}` });
    const disk = await diskBelow(sysfs, name, diskOf);
    if (disk === undefined) continue;
    diskOf.set(name, disk);
    // btrfs has a device number of its own, and only the name of its device.
    const mapped = await readFact(sysfs, `block/${name}/dm/name`);
    if (mapped !== undefined) diskOf.set(`mapper/${mapped}`, disk);
  }
  const byNumber = new Map(
    [...numbers].map(([number, name]) => [number, { name, disk: diskOf.get(name) }]),
  );
  return { disks, byNumber, diskOf };
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

const MAX_LAYERS = 8; // Volumes on encryption on RAID are three layers.

/** The first disk below a composed device. */
async function diskBelow(
  sysfs: FileTree,
  name: string,
  diskOf: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  let layer = [name];
  for (let depth = 0; depth < MAX_LAYERS && layer.length > 0; depth++) {
    const below: string[] = [];
    for (const device of layer) below.push(...(await sysfs.list(`block/${device}/slaves`, /./)));
    const disk = below
      .map((device) => diskOf.get(deviceName(device)))
      .find((found) => found !== undefined);
    if (disk !== undefined) return disk;
    layer = below;
  }
  return undefined;
}
