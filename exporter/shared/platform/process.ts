import { spawn } from "node:child_process";
import { hostname } from "node:os";

/** Resolves with the first of `signals` this process receives. */
export function nextSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}

export function hostName(): string {
  return hostname();
}

/**
 * Tells systemd about this process (`READY=1`, `WATCHDOG=1`, `STOPPING=1`) when it was started as a notify service.
 * Node.js has no unix datagram sockets, so the systemd-notify program sends the message (NotifyAccess=all).
 */
export function notifySystemd(state: string): void {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  const child = spawn("systemd-notify", [state], { stdio: "ignore" });
  child.on("error", () => undefined); // Without the program the service manager's own timeout reports the start.
}

/** True when standard error goes to the journal, which keeps time and priority itself. */
export function isUnderJournald(): boolean {
  return process.env["JOURNAL_STREAM"] !== undefined;
}
