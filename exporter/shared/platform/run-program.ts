/**
 * The frame of both programs: from the command line to the exit code. The service runs between the
 * start, after which systemd gets READY=1, and the first SIGTERM or SIGINT.
 */
import { messageOf, PihealthError, UsageError } from "../model/errors.js";
import { systemClock, type Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import { isNotifyService, nextSignal, notifySystemd } from "./process.js";

/** Of a program whose command line is not valid, as of shells and of promtool. */
export const USAGE_EXIT_CODE = 2;

/**
 * Runs a program and returns its exit code. An error that the user can mend is one line on standard
 * error and code 1, or the usage as well and code 2 when the command line is not valid. Any other
 * error is a bug and is thrown on, so that Node.js prints its stack.
 */
export async function runProgram(
  main: () => Promise<number>,
  write: (text: string) => void = (text) => process.stderr.write(text),
): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (!(error instanceof PihealthError)) throw error;
    write(`${messageOf(error)}\n`);
    if (!(error instanceof UsageError)) return 1;
    write(`\n${error.usage}`);
    return USAGE_EXIT_CODE;
  }
}

interface Service {
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly log: Logger;
  /** At most half of the unit's WatchdogSec; each notification starts a child process. */
  readonly watchdogIntervalMs: number;
  readonly stopWithinMs: number;
  readonly start: () => Promise<Service>;
}

/** The process and its service manager. Tests replace them. */
export interface ServiceSurroundings {
  readonly clock: Clock;
  /** Resolves with the signal that asks the service to stop. */
  readonly stopSignal: () => Promise<string>;
  /** Sends a state to the service manager; undefined when there is none. */
  readonly notify: ((state: string) => void) | undefined;
}

const thisProcess = (): ServiceSurroundings => ({
  clock: systemClock,
  stopSignal: () => nextSignal(["SIGTERM", "SIGINT"]),
  notify: isNotifyService() ? notifySystemd : undefined,
});

/**
 * Starts a service, keeps the watchdog of systemd quiet and stops the service at the first signal.
 *
 * @returns 0; 1 when the service has not stopped in time
 */
export async function runService(
  { log, watchdogIntervalMs, stopWithinMs, start }: ServiceOptions,
  { clock, stopSignal, notify }: ServiceSurroundings = thisProcess(),
): Promise<number> {
  const stopRequested = stopSignal(); // Before the start: a signal during it must not be lost.
  const service = await start();
  notify?.("READY=1");
  const ended = new AbortController();
  const watchdog = notify && callWatchdog({ clock, notify, watchdogIntervalMs }, ended.signal);
  log.info("Stopping", { signal: await stopRequested });
  notify?.("STOPPING=1");
  ended.abort();
  const stopped = Promise.all([service.stop(), watchdog]).then(() => true);
  const isLate = clock.sleep(stopWithinMs).then(() => false);
  if (await Promise.race([stopped, isLate])) return 0;
  log.error("Cannot stop in time: the rest is cut off", { seconds: stopWithinMs / 1000 });
  return 1;
}

interface WatchdogParts {
  readonly clock: Clock;
  readonly notify: (state: string) => void;
  readonly watchdogIntervalMs: number;
}

async function callWatchdog(
  { clock, notify, watchdogIntervalMs }: WatchdogParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    notify("WATCHDOG=1");
    await clock.sleep(watchdogIntervalMs, signal).catch(() => undefined); // Aborted: the loop ends.
  }
}
