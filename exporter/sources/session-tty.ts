/** The terminal of a login session whose file does not name it, as those of sshd do not. */
import type { FileTree } from "./file-tree.js";

/** The most processes of a session that are looked at; its shell is among the first. */
const MAX_PROCESSES = 64;
/** Index of `tty_nr` among the fields behind the command (proc_pid_stat(5)). */
const TTY_NR = 4;

interface Places {
  readonly procfs: FileTree;
  readonly sysfs: FileTree;
}

/**
 * Takes the terminal of the first process of the session that has one.
 *
 * @param scope such as `session-3.scope`
 * @returns such as `pts/0`; empty when no process has a terminal
 */
export async function findSessionTty(
  { procfs, sysfs }: Places,
  { userId, scope }: { readonly userId: string; readonly scope: string },
): Promise<string> {
  if (!/^\d+$/.test(userId) || !/^[\w.-]+\.scope$/.test(scope)) return "";
  const file = `fs/cgroup/user.slice/user-${userId}.slice/${scope}/cgroup.procs`;
  const pids = (await readIfThere(sysfs, file)).split("\n").filter((pid) => /^\d+$/.test(pid));
  for (const pid of pids.slice(0, MAX_PROCESSES)) {
    const stat = await readIfThere(procfs, `${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const tty = ttyName(Number(fields[TTY_NR]));
    if (tty !== "") return tty;
  }
  return "";
}

/** A process or session may end at any time. */
async function readIfThere(tree: FileTree, filePath: string): Promise<string> {
  try {
    return await tree.readText(filePath);
  } catch {
    return "";
  }
}

/** Names of the devices that people log in at (admin-guide/devices.txt of the kernel), by major. */
const TTY_NAMES: Readonly<Record<number, (minor: number) => string>> = {
  4: (minor) => (minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`),
  188: (minor) => `ttyUSB${minor}`,
  204: (minor) => (minor >= 64 && minor < 80 ? `ttyAMA${minor - 64}` : ""),
};
const [FIRST_PTS_MAJOR, LAST_PTS_MAJOR] = [136, 143];

/** @param ttyNr minor in bits 31 to 20 and 7 to 0, major in bits 19 to 8 */
export function ttyName(ttyNr: number): string {
  const major = (ttyNr >>> 8) & 0xfff;
  const minor = ((ttyNr >>> 12) & 0xfff00) | (ttyNr & 0xff);
  if (major >= FIRST_PTS_MAJOR && major <= LAST_PTS_MAJOR) {
    return `pts/${(major - FIRST_PTS_MAJOR) * 256 + minor}`;
  }
  return TTY_NAMES[major]?.(minor) ?? "";
}
