import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { peerEnvironment } from "./peers.js";
import { REPOSITORY } from "./repository.js";

/** A real process under test. Its output is kept for error messages. */
export class ChildProgram {
  private output = "";
  private readonly process: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}) {
    this.process = spawn(command, args, {
      cwd: REPOSITORY,
      env: { ...peerEnvironment(), ...options.env },
    });
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString("utf8")).slice(-200_000);
    };
    this.process.stdout?.on("data", keep);
    this.process.stderr?.on("data", keep);
    this.exited = new Promise((resolve, reject) => {
      this.process.on("error", reject);
      this.process.on("exit", (code, signal) => resolve({ code, signal }));
    });
  }

  /** Starts one of our compiled programs, such as `exporter/program/main.js`. */
  static ofOurs(
    script: string,
    args: readonly string[],
    nodeFlags: readonly string[] = [],
  ): ChildProgram {
    return new ChildProgram(process.execPath, [
      ...nodeFlags,
      path.join(REPOSITORY, "dist", script),
      ...args,
    ]);
  }

  get pid(): number {
    if (this.process.pid === undefined)
      throw new Error("Cannot tell the process id: the program did not start");
    return this.process.pid;
  }

  get text(): string {
    return this.output;
  }

  /** Sends the signal and waits for the exit. */
  async stop(
    signal: NodeJS.Signals = "SIGTERM",
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.process.kill(signal);
    return this.exited;
  }

  /** CPU seconds used so far and resident bytes now, from /proc. */
  usage(): { cpuSeconds: number; residentBytes: number; openFiles: number } {
    return processUsage(this.pid);
  }
}

const CLOCK_TICKS_PER_SECOND = 100; // USER_HZ, fixed for user space on Linux.
const PAGE_BYTES = 4096;

export function processUsage(pid: number): {
  cpuSeconds: number;
  residentBytes: number;
  openFiles: number;
} {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return {
    cpuSeconds: (userTicks + systemTicks) / CLOCK_TICKS_PER_SECOND,
    residentBytes: pages * PAGE_BYTES,
    openFiles: openFileCount(pid),
  };
}

function openFileCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What does not happen within this time never will, however busy the machine. */
const PATIENCE_MS = 240_000;

/**
 * Polls `probe` until it returns a value, for at most `withinMs`, because events of other processes
 * have no promise.
 *
 * @throws when the time is over; the message contains the result of `describe`
 */
export async function waitFor<Result>(
  what: string,
  probe: () => Promise<Result | undefined> | Result | undefined,
  {
    withinMs = PATIENCE_MS,
    describe = () => "",
  }: { withinMs?: number; describe?: () => string } = {},
): Promise<Result> {
  const untilMs = performance.now() + withinMs;
  let lastError: unknown;
  while (performance.now() < untilMs) {
    try {
      const found = await probe();
      if (found !== undefined) return found;
    } catch (error) {
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `Waited ${withinMs}ms in vain for ${what}. ${lastError instanceof Error ? lastError.message : ""}\n${describe()}`,
  );
}
