import type { Mount } from "../sources/mounts.js";
import type { CollectorSettings } from "./collector-settings.js";

const NETWORK_TYPES = new Set([
  "9p",
  "afs",
  "beegfs",
  "ceph",
  "cifs",
  "coda",
  "davfs",
  "gfs2",
  "gpfs",
  "lustre",
  "ncpfs",
  "nfs",
  "nfs4",
  "ocfs2",
  "smb3",
  "smbfs",
  "virtiofs",
]);
/** Other `fuse.` types may wait for a network; `fuseblk` is a local disk. */
const PROGRAM_TYPE = /^fuse(\.|$)/;

/**
 * Chooses the file systems to ask: each once, without pseudo file systems, and without network file
 * systems unless they are wanted.
 *
 * @returns in order of mount points
 */
export function chooseMounts(
  mounts: readonly Mount[],
  settings: CollectorSettings["disk"],
): Mount[] {
  const byDevice = new Map<string, Mount>();
  for (const mount of mounts) {
    if (!isWanted(mount, settings)) continue;
    const other = byDevice.get(mount.deviceNumber);
    if (other === undefined || isBetter(mount, other)) byDevice.set(mount.deviceNumber, mount);
  }
  return [...byDevice.values()].sort((left, right) =>
    left.mountPoint < right.mountPoint ? -1 : 1,
  );
}

function isWanted({ mountPoint, type }: Mount, settings: CollectorSettings["disk"]): boolean {
  const isNetwork = NETWORK_TYPES.has(type) || PROGRAM_TYPE.test(type);
  if (isNetwork && !settings.includesNetwork) return false;
  // The root of a Pi whose card is protected by an overlay.
  const isOverlayRoot = type === "overlay" && mountPoint === "/";
  if (settings.excludedTypes.includes(type) && !isOverlayRoot) return false;
  return !settings.excludedMounts.some((folder) =>
    folder.endsWith(BELOW)
      ? mountPoint.startsWith(folder.slice(0, -1))
      : mountPoint === folder || mountPoint.startsWith(`${folder}/`),
  );
}

/** End of an excluded folder that stands for what is below it. */
const BELOW = "/*";

/**
 * Prefers a mount that this process reaches, then `/`, then a mount of the file system's own root to
 * a bind mount, then a mount that allows writing, then the shorter path.
 */
function isBetter(mount: Mount, other: Mount): boolean {
  if (mount.isReachable !== other.isReachable) return mount.isReachable;
  if (mount.mountPoint === "/" || other.mountPoint === "/") return mount.mountPoint === "/";
  if ((mount.root === "/") !== (other.root === "/")) return mount.root === "/";
  if (mount.isWritableHere !== other.isWritableHere) return mount.isWritableHere;
  return mount.mountPoint.length < other.mountPoint.length;
}
