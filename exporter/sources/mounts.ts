/**
 * The mounted file systems, from mountinfo of process 1, or of this process where process 1 is
 * hidden (proc_pid_mountinfo(5)).
 */
import type { SystemPath } from "../shared/platform/files.js";
import { BrokenSourceError } from "./broken-source-error.js";
import { textOfBytes } from "./byte-text.js";
import type { FileTree } from "./file-tree.js";

/** A visible mount of this machine. */
export interface Mount {
  /** `major:minor` of the file system; the same for all its mounts. */
  readonly deviceNumber: string;
  /** Folder of the file system that is mounted; `/` unless it is a bind mount or a subvolume. */
  readonly root: string;
  /** As the machine names it; bytes that are not UTF-8 are written as `\xe4`. */
  readonly mountPoint: string;
  /** Where this process reaches the mount: below `paths.rootfs`, byte for byte. */
  readonly path: SystemPath;
  /**
   * True when the file system itself is read-only. A read-only mount of a writable file system does
   * not keep it from filling up through another mount.
   */
  readonly isReadOnly: boolean;
  /** True when this mount allows writing. */
  readonly isWritableHere: boolean;
  /** False when this process sees something else at the path, and cannot ask for the space. */
  readonly isReachable: boolean;
  readonly type: string;
  /** The mounted source: `/dev/mmcblk0p2`, `tmpfs`, `server:/export`. */
  readonly source: string;
}

/** One line of mountinfo. The texts hold one byte in each character. */
interface MountLine {
  readonly id: string;
  readonly parentId: string;
  readonly deviceNumber: string;
  readonly root: string;
  readonly mountPoint: string;
  readonly options: string;
  readonly type: string;
  readonly source: string;
  readonly superOptions: string;
}

/**
 * The mounts of this machine as process 1 sees them. A hardened service sees other mounts: systemd
 * gives it a mount namespace with additional read-only mounts.
 *
 * @param rootfs folder where this process sees the machine's `/`
 * @returns mounts that no other one covers, in their order
 * @throws {BrokenSourceError} when mountinfo names no mount; the system's error when it cannot be
 *   read
 */
export async function readMounts(procfs: FileTree, rootfs = "/"): Promise<Mount[]> {
  const base = rootfs === "/" ? "" : Buffer.from(rootfs).toString("latin1");
  const own = visibleMounts(parseLines(await procfs.readBytes("self/mountinfo")));
  if (own.size === 0)
    throw new BrokenSourceError("/proc/self/mountinfo", "it names no mount, it must name one");
  const machine = await readMachineLines(procfs);
  if (machine === undefined) return ownMounts([...own.values()], base);
  const isReachable = ({ mountPoint, deviceNumber }: MountLine): boolean => {
    const here = own.get(base === "" ? mountPoint : base + withoutSlash(mountPoint));
    return (here ?? own.get(mountPoint))?.deviceNumber === deviceNumber;
  };
  return [...visibleMounts(machine).values()].map((line) => ({
    ...mountOf(line, base),
    isReachable: isReachable(line),
  }));
}

async function readMachineLines(procfs: FileTree): Promise<MountLine[] | undefined> {
  try {
    const lines = parseLines(await procfs.readBytes("1/mountinfo"));
    return lines.length === 0 ? undefined : lines;
  } catch {
    return undefined; // hidepid hides other processes.
  }
}

/** Of mounts of this process, those below `base`, without it; all when there are none. */
function ownMounts(lines: readonly MountLine[], base: string): Mount[] {
  const below = lines.filter(
    ({ mountPoint }) => base !== "" && (mountPoint === base || mountPoint.startsWith(`${base}/`)),
  );
  if (below.length === 0) return lines.map((line) => mountOf(line, base));
  return below.map((line) =>
    mountOf({ ...line, mountPoint: line.mountPoint.slice(base.length) || "/" }, base),
  );
}

const withoutSlash = (mountPoint: string): string => (mountPoint === "/" ? "" : mountPoint);

function mountOf(line: MountLine, base: string): Mount {
  const isReadOnly = isReadOnlyList(line.superOptions) || hasEmergency(line.superOptions);
  const path = base + (base === "" ? line.mountPoint : withoutSlash(line.mountPoint));
  return {
    deviceNumber: line.deviceNumber,
    root: textOf(line.root),
    mountPoint: textOf(line.mountPoint),
    path: systemPathOf(path),
    isReadOnly,
    isReachable: true,
    isWritableHere: !isReadOnly && !isReadOnlyList(line.options),
    type: textOf(line.type),
    source: textOf(line.source),
  };
}

/** The kernel writes `ro` or `rw` first. Later words may be parts of names, such as `subvol=/a,ro`. */
const isReadOnlyList = (options: string): boolean => /^ro(,|$)/.test(options);

/** Since Linux 6.15, ext4 refuses writes after an error without becoming read-only. */
const hasEmergency = (options: string): boolean => /,(emergency_ro|shutdown)(,|$)/.test(options);

const textOf = (byteText: string): string =>
  isAscii(byteText) ? byteText : textOfBytes(Buffer.from(byteText, "latin1"));

const systemPathOf = (byteText: string): SystemPath =>
  isAscii(byteText) ? byteText : Buffer.from(byteText, "latin1");

const isAscii = (byteText: string): boolean => !/[\u0080-\u00ff]/.test(byteText);

/** By mount point. A mount that another one covers cannot be reached by its path. */
function visibleMounts(lines: readonly MountLine[]): Map<string, MountLine> {
  const hidden = hiddenIds(lines);
  return new Map(lines.filter(({ id }) => !hidden.has(id)).map((line) => [line.mountPoint, line]));
}

/**
 * Mounts that no path reaches. The parents say which mount covers another one at the same place: a
 * mount that was moved, or put beneath another one, may stand anywhere in the list. A list in which
 * ids occur twice says nothing about that.
 */
function hiddenIds(lines: readonly MountLine[]): Set<string> {
  const byId = new Map(lines.map((line) => [line.id, line]));
  if (byId.size < lines.length) return new Set();
  const tree = { byId, covered: coveredIds(lines, byId), buried: new Map<string, boolean>() };
  for (const id of belowLaterSiblings(lines)) tree.buried.set(id, true);
  return new Set(
    lines.filter((line) => tree.covered.has(line.id) || isBuried(line, tree)).map(({ id }) => id),
  );
}

interface MountTree {
  readonly byId: ReadonlyMap<string, MountLine>;
  /** Mounts on whose top folder another mount stands. */
  readonly covered: ReadonlySet<string>;
  /** What is known about mounts in a folder that another mount covers. */
  readonly buried: Map<string, boolean>;
}

/** A mount at `/` covers none: running processes go on below the one that was there before. */
function coveredIds(
  lines: readonly MountLine[],
  byId: ReadonlyMap<string, MountLine>,
): ReadonlySet<string> {
  const covering = lines.filter(
    ({ id, parentId, mountPoint }) =>
      id !== parentId && mountPoint !== "/" && byId.get(parentId)?.mountPoint === mountPoint,
  );
  return new Set(covering.map(({ parentId }) => parentId));
}

/** A later mount on a folder above, in the same parent, covers a mount. */
function belowLaterSiblings(lines: readonly MountLine[]): Set<string> {
  const below = new Set<string>();
  const later = new Map<string, Set<string>>();
  for (const { id, parentId, mountPoint } of [...lines].reverse()) {
    const places = later.get(parentId) ?? new Set();
    later.set(parentId, places);
    if (foldersAbove(mountPoint).some((folder) => places.has(folder))) below.add(id);
    places.add(mountPoint);
  }
  return below;
}

/** True when a mount stands in a folder that another mount covers. */
function isBuried({ id, parentId, mountPoint }: MountLine, tree: MountTree): boolean {
  const known = tree.buried.get(id);
  if (known !== undefined) return known;
  tree.buried.set(id, false); // Of parents in a circle, none is buried.
  const parent = id === parentId ? undefined : tree.byId.get(parentId);
  if (parent === undefined) return false;
  const isBelowCover = parent.mountPoint !== mountPoint && tree.covered.has(parent.id);
  const buried = isBelowCover || isBuried(parent, tree);
  tree.buried.set(id, buried);
  return buried;
}

/** `/a` and `/a/b` for `/a/b/c`. */
function foldersAbove(mountPoint: string): string[] {
  const folders: string[] = [];
  for (let at = mountPoint.lastIndexOf("/"); at > 0; at = mountPoint.lastIndexOf("/", at - 1))
    folders.push(mountPoint.slice(0, at));
  return folders;
}

/** The mounts of a text as if it were the whole list. */
export function parseMounts(text: string): Mount[] {
  return parseLines(Buffer.from(text)).map((line) => mountOf(line, ""));
}

/** Lines of another form are skipped, so one odd mount does not hide the others. */
function parseLines(bytes: Uint8Array): MountLine[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountLine | undefined {
  const fields = line.split(" ");
  // Between the options and the type there are optional fields, which a single dash ends.
  const dash = fields.indexOf("-", 6);
  const [id, parentId, deviceNumber, root, mountPoint, options] = fields;
  const [type, source, superOptions = ""] = fields.slice(dash + 1);
  if (dash < 0 || id === undefined || parentId === undefined || deviceNumber === undefined)
    return undefined;
  if (root === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (type === undefined || source === undefined) return undefined;
  return {
    ...{ id, parentId, deviceNumber, options, superOptions },
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    type: unescapeOctal(type),
    source: unescapeOctal(source),
  };
}

/**
 * The kernel writes space, tab, line feed, backslash and hash as a backslash and three octal
 * digits, one for each byte.
 */
function unescapeOctal(byteText: string): string {
  return byteText.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
