import { spawn } from "node:child_process";
import { hostname } from "node:os";

/** Resolves with the first of `signals` this process receives. */
export function nextSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}

/** Calls `handle` at every such signal from now on. */
export function onSignal(signal: NodeJS.Signals, handle: () => void): void {
  process.on(signal, handle);
}

export function hostName(): string {
  return hostname();
}

/**
 * Tells systemd about this process (`READY=1`, `WATCHDOG=1`, `STOPPING=1`) when it was started as a notify service.
 * Node.js has no unix datagram sockets, so the systemd-notify program sends the message (NotifyAccess=all).
 */
export function notifySystemd(state: string): void {
  if (!isNotifyService()) return;
  const child = spawn("systemd-notify", [state], { stdio: "ignore" });
  child.on("error", () => undefined); // Without the program the service manager's own timeout reports the start.
}

/** True when `notifySystemd` has somebody to tell. */
export function isNotifyService(): boolean {
  return process.env["NOTIFY_SOCKET"] !== undefined;
}

/** True when standard error goes to the journal, which keeps time and priority itself. */
export function isUnderJournald(): boolean {
  return process.env["JOURNAL_STREAM"] !== undefined;
}

export interface ChildProgram {
  readonly pid: number | undefined;
  /** Exit code, or the signal that ended it. Resolves, never rejects: a program that cannot start ends with a code. */
  readonly ended: Promise<number | NodeJS.Signals>;
  stop(signal: NodeJS.Signals): void;
}

/** Runs a compiled program of ours with this Node.js; its output goes where ours goes. */
export function startNodeProgram(options: {
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
}): ChildProgram {
  const args = [...(options.nodeFlags ?? []), options.script, ...options.args];
  const env = { ...process.env, ...options.environment };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"], env });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (code, signal) => resolve(signal ?? code ?? 1));
  });
  return { pid: child.pid, ended, stop: (signal) => void child.kill(signal) };
}
