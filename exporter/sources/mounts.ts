import type { FileTree } from "./file-tree.js";

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  /** `major:minor` of the file system; the same for all its mounts. */
  readonly deviceNumber: string;
  /** Folder of the file system that is mounted; `/` unless it is a bind mount or a subvolume. */
  readonly root: string;
  readonly mountPoint: string;
  readonly isReadOnly: boolean;
  readonly type: string;
  /** The mounted source: `/dev/mmcblk0p2`, `tmpfs`, `server:/export`. */
  readonly source: string;
}

/**
 * The mounts of this machine as process 1 sees them. A hardened service sees other mounts: systemd
 * gives it a mount namespace with additional read-only mounts.
 *
 * @returns visible mounts in their order; of several at one place, the last
 */
export async function readMounts(procfs: FileTree): Promise<Mount[]> {
  const own = visibleMounts(parseMounts(await procfs.readText("self/mountinfo")));
  const machine = await readMachineMounts(procfs);
  if (machine === undefined) return [...own.values()];
  const isSeen = ({ mountPoint, deviceNumber }: Mount): boolean =>
    own.get(mountPoint)?.deviceNumber === deviceNumber;
  return [...visibleMounts(machine).values()].filter(isSeen);
}

async function readMachineMounts(procfs: FileTree): Promise<Mount[] | undefined> {
  try {
    return parseMounts(await procfs.readText("1/mountinfo"));
  } catch {
    return undefined; // hidepid hides other processes.
  }
}

function visibleMounts(mounts: readonly Mount[]): Map<string, Mount> {
  return new Map(mounts.map((mount) => [mount.mountPoint, mount]));
}

/** Lines of another form are skipped, so one odd mount does not hide the others. */
export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => parseMount(line) ?? []);
}

function parseMount(line: string): Mount | undefined {
  const fields = line.split(" ");
  // Between the options and the type there are optional fields, which a single dash ends.
  const dash = fields.indexOf("-", 6);
  const [, , deviceNumber, root, mountPoint, options] = fields;
  const [type, source, superOptions] = fields.slice(dash + 1);
  if (dash < 0 || deviceNumber === undefined || root === undefined || mountPoint === undefined)
    return undefined;
  if (options === undefined || type === undefined || source === undefined) return undefined;
  const isReadOnly = [options, superOptions ?? ""].some((list) => list.split(",").includes("ro"));
  return {
    deviceNumber,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    isReadOnly,
    type: unescapeOctal(type),
    source: unescapeOctal(source),
  };
}

/**
 * The kernel writes space, tab, line feed, backslash and hash as a backslash and three octal
 * digits.
 */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
