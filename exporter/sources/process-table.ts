import { BrokenSourceError } from "./broken-source-error.js";
import type { FileTree } from "./file-tree.js";

/** One line of /proc/<pid>/stat (proc_pid_stat(5)). */
export interface ProcessReading {
  readonly pid: string;
  /**
   * At most 15 bytes, chosen by the process. It may contain anything, including line feeds and
   * parentheses.
   */
  readonly comm: string;
  /** One letter: R, S, D, Z, T, t, I, X. */
  readonly state: string;
  /** Processor ticks of all threads since the process started. */
  readonly cpuTicks: number;
  /** Ticks since boot. Together with the pid it identifies a process, because pids are reused. */
  readonly startTicks: number;
  readonly residentPages: number;
}

// Indices of the fields after the name, counted from the state (field 3 of the manual page).
const UTIME = 11;
const STIME = 12;
const START_TIME = 19;
const RESIDENT = 21;

/**
 * Reads processes. The line of a sleeping process has not changed since the last read, and is not
 * parsed again.
 */
export class ProcessTable {
  private lines = new Map<string, Line>();

  constructor(private readonly procfs: FileTree) {}

  /**
   * All processes. One that ends during the read is left out.
   *
   * @throws {BrokenSourceError} when the processes of other users are hidden (hidepid)
   */
  async readAll(): Promise<ProcessReading[]> {
    const lines = new Map<string, Line>();
    const pids = await this.procfs.list("", /^\d+$/);
    for (const pid of pids) {
      const line = await this.readLine(pid);
      if (line !== undefined) lines.set(pid, line);
    }
    // Process 1 always exists, and belongs to root: hidden means not in the list, or not readable.
    if (!lines.has("1") && (pids.includes("1") || !(await this.procfs.exists("1")))) {
      throw new BrokenSourceError(
        "/proc",
        `process 1 is not visible among ${lines.size}, all processes must be visible (hidepid=0)`,
      );
    }
    this.lines = lines; // Forgets processes that have ended.
    return [...lines.values()].map(({ reading }) => reading);
  }

  async read(pids: readonly string[]): Promise<ProcessReading[]> {
    const readings: ProcessReading[] = [];
    for (const pid of pids) {
      const line = await this.readLine(pid);
      if (line !== undefined) readings.push(line.reading);
    }
    return readings;
  }

  private async readLine(pid: string): Promise<Line | undefined> {
    let text: string;
    try {
      text = await this.procfs.readText(`${pid}/stat`);
    } catch {
      // The process has ended since the list was read (ENOENT, ESRCH), or is hidden (EACCES,
      // EPERM).
      return undefined;
    }
    const known = this.lines.get(pid);
    if (known?.text === text) return known;
    const reading = parseProcess(pid, text);
    return reading === undefined ? undefined : { text, reading };
  }
}

/** A line and its parsed form. */
interface Line {
  readonly text: string;
  readonly reading: ProcessReading;
}

/** @returns undefined when the text is not a complete line */
export function parseProcess(pid: string, text: string): ProcessReading | undefined {
  const open = text.indexOf("(");
  // The name may contain parentheses; the fields after it are numbers.
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ", RESIDENT + 1);
  const [state = ""] = fields;
  const cpuTicks = Number(fields[UTIME]) + Number(fields[STIME]);
  const startTicks = Number(fields[START_TIME]);
  const residentPages = Number(fields[RESIDENT]);
  if (state === "" || !Number.isFinite(cpuTicks + startTicks + residentPages)) return undefined;
  return { pid, comm: text.slice(open + 1, close), state, cpuTicks, startTicks, residentPages };
}

const UID_LINE = /^Uid:\t\d+\t(\d+)/m;

/** The effective user id of a process; undefined when it has ended. */
export async function readProcessUid(procfs: FileTree, pid: string): Promise<number | undefined> {
  try {
    const uid = UID_LINE.exec(await procfs.readText(`${pid}/status`))?.[1];
    return uid === undefined ? undefined : Number(uid);
  } catch {
    return undefined;
  }
}

/**
 * The command line of a process, its arguments separated by NUL; empty for a kernel thread, and
 * when it cannot be read.
 */
export async function readCommandLine(procfs: FileTree, pid: string): Promise<string> {
  try {
    return await procfs.readText(`${pid}/cmdline`);
  } catch {
    return "";
  }
}
