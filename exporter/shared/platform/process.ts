import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf, traceOf } from "../model/errors.js";

/** Resolves with the first of `signals` that this process receives. */
export function nextSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}

/**
 * Resolves when the process that started this one with `startNodeProgram` is gone, however it ended.
 * Never resolves in a process that was started otherwise.
 */
export function parentEnded(): Promise<"parent ended"> {
  return new Promise((resolve) => {
    if (process.send === undefined) return;
    process.once("disconnect", () => resolve("parent ended"));
    if (!process.connected) resolve("parent ended");
    process.channel?.unref(); // The channel alone does not keep the process alive.
  });
}

/**
 * Ends this process with code 1 when an error reaches nobody. Node.js by itself prints the line of
 * the source, all causes and all properties of the error, as they are: a URL with its password, a
 * body, control characters. `write` gets message and stack only.
 */
export function endAtUncaughtErrors(write: (text: string) => void): void {
  process.on("uncaughtException", (error: unknown) => {
    write(`${traceOf(error)}\n`);
    process.exit(1);
  });
}

/** Calls `handle` each time this process receives `signal`. */
export function onSignal(signal: NodeJS.Signals, handle: () => void): void {
  process.on(signal, handle);
}

/** The environment of this process. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

export function hostName(): string {
  return hostname();
}

/** True when a process of this machine has the id, whoever owns it. */
export function isProcessAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0); // Signal 0 only asks.
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/**
 * Sends a state (`READY=1`, `WATCHDOG=1`, `STOPPING=1`) to systemd when this process runs as a
 * notify service. Node.js has no Unix datagram sockets, so the program systemd-notify sends the
 * message; the unit needs `NotifyAccess=all`.
 */
export function notifySystemd(state: string): void {
  if (!isNotifyService()) return;
  const child = spawn("systemd-notify", [state], { stdio: "ignore" });
  child.on("error", () => undefined); // systemd-notify is missing: the start timeout of systemd reports it.
}

/** True when `notifySystemd` sends messages. */
export function isNotifyService(): boolean {
  return process.env["NOTIFY_SOCKET"] !== undefined;
}

/** True when standard error goes to journald, which adds time and priority itself. */
export function isUnderJournald(): boolean {
  return process.env["JOURNAL_STREAM"] !== undefined;
}

export interface ChildProgram {
  readonly pid: number | undefined;
  /**
   * Resolves with the exit code or the signal that ended the program. Never rejects: a program that
   * cannot start ends with code 1.
   */
  readonly ended: Promise<number | NodeJS.Signals>;
  stop(signal: NodeJS.Signals): void;
}

/**
 * Runs a compiled JavaScript program with this Node.js. The program writes to our standard output
 * and standard error. A channel, which nobody writes to, tells it that this process has ended.
 */
export function startNodeProgram(options: {
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}): ChildProgram {
  const args = [...(options.nodeFlags ?? []), options.script, ...options.args];
  const env = { ...process.env, ...options.environment };
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env,
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (code, signal) => resolve(signal ?? code ?? 1));
  });
  return { pid: child.pid, ended, stop: (signal) => void child.kill(signal) };
}

export interface OwnProcessFacts {
  /** User and system time of all threads since the process started. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Undefined when the system has no `/proc`. */
  readonly openFiles: number | undefined;
}

/** Reads the resource usage of this process. Takes some ten microseconds and no disk access. */
export function readOwnProcess(): OwnProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openFiles: countOpenFiles(),
  };
}

/**
 * Bytes that this process has caused the disk to write, in whole pages: the field write_bytes of
 * /proc/self/io (proc_pid_io(5)). Undefined when the system does not say.
 */
export function readWrittenBytes(): number | undefined {
  try {
    const found = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined; // No /proc: the metric is omitted.
  }
}

function countOpenFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length - 1; // Excludes the descriptor that reads the folder.
  } catch {
    return undefined; // No /proc: the metric is omitted.
  }
}
