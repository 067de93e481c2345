import type { FileTree } from "./file-tree.js";

/** One line of /proc/<pid>/stat (proc_pid_stat(5)). */
export interface ProcessReading {
  readonly pid: string;
  /**
   * At most 15 bytes, chosen by the process: anything may be in it, line feeds and parentheses too.
   */
  readonly comm: string;
  /** One letter: R, S, D, Z, T, t, I, X. */
  readonly state: string;
  /** Ticks of processor time since the process began, all its threads together. */
  readonly cpuTicks: number;
  /** Ticks after boot. With the pid it tells a process from an earlier one with the same pid. */
  readonly startTicks: number;
  readonly residentPages: number;
}

// Places of the fields behind the name, counted from the state (field 3 of the manual page).
const UTIME = 11;
const STIME = 12;
const START_TIME = 19;
const RESIDENT = 21;

/**
 * Reads processes. Most sleep: the line of one that has done nothing is the one read before, and is
 * not parsed again.
 */
export class ProcessTable {
  private lines = new Map<string, Line>();

  constructor(private readonly procfs: FileTree) {}

  /** Every process there is. One that ends while being read is left out. */
  async readAll(): Promise<ProcessReading[]> {
    const lines = new Map<string, Line>();
    for (const pid of await this.procfs.list("", /^\d+$/)) {
      const line = await this.readLine(pid);
      if (line !== undefined) lines.set(pid, line);
    }
    this.lines = lines; // Those that have ended are forgotten.
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
      // It has ended since the list was made (ENOENT, ESRCH), or is hidden from us (EACCES, EPERM).
      return undefined;
    }
    const known = this.lines.get(pid);
    if (known?.text === text) return known;
    const reading = parseProcess(pid, text);
    return reading === undefined ? undefined : { text, reading };
  }
}

/** A line with what it says. */
interface Line {
  readonly text: string;
  readonly reading: ProcessReading;
}

/** @returns undefined when the text is not a complete line */
export function parseProcess(pid: string, text: string): ProcessReading | undefined {
  const open = text.indexOf("(");
  // The name may hold parentheses; behind it stand only numbers.
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ", RESIDENT + 1);
  const state = fields[0] as string;
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
