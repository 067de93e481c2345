/**
 * The frame of both programs, from the command line to the exit code. The service runs from its
 * start, after which systemd gets READY=1, until the first SIGTERM or SIGINT, or until the program
 * that started it with `startNodeProgram` is gone.
 */
import { writeErrorText } from "./terminal.js";
import { messageOf, PihealthError, traceOf, UsageError } from "../model/errors.js";
import { systemClock, type Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import { isNotifyService, nextSignal, notifySystemd, parentEnded } from "./process.js";

/** Exit code for an invalid command line, as in shells and promtool. */
export const USAGE_EXIT_CODE = 2;

/**
 * Runs a program and returns its exit code. An error that the user can fix becomes one line on
 * standard error and code 1; an invalid command line also prints the usage and returns code 2. Any
 * other error is a bug: its stack is printed, and the code is 1.
 */
export async function runProgram(
  main: () => Promise<number>,
  write: (text: string) => void = writeErrorText,
): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (!(error instanceof PihealthError)) {
      write(`${traceOf(error)}\n`);
      return 1;
    }
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
  /** At most half of WatchdogSec in the unit file. Each notification starts a child process. */
  readonly watchdogIntervalMs: number;
  readonly stopWithinMs: number;
  readonly start: () => Promise<Service>;
}

/** The process and its service manager; replaced in tests. */
export interface ServiceSurroundings {
  readonly clock: Clock;
  /** Resolves with the signal that asks the service to stop. */
  readonly stopSignal: () => Promise<string>;
  /** Sends a state to the service manager; undefined when there is none. */
  readonly notify: ((state: string) => void) | undefined;
}

const thisProcess = (): ServiceSurroundings => ({
  clock: systemClock,
  stopSignal: () => Promise.race([nextSignal(["SIGTERM", "SIGINT"]), parentEnded()]),
  notify: isNotifyService() ? notifySystemd : undefined,
});

/**
 * Starts a service, notifies the watchdog of systemd and stops the service at the first signal.
 *
 * @returns 0, or 1 when the service does not stop in time
 */
export async function runService(
  { log, watchdogIntervalMs, stopWithinMs, start }: ServiceOptions,
  { clock, stopSignal, notify }: ServiceSurroundings = thisProcess(),
): Promise<number> {
  const stopRequested = stopSignal(); // Before the start, so that a signal during the start is not lost.
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
  log.error("Cannot stop in time", { limitSeconds: stopWithinMs / 1000 });
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
