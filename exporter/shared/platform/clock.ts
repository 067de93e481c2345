import { performance } from "node:perf_hooks";
import { abortReasonOf, onAbort } from "./abort.js";

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. Jumps: a Pi boots without knowing the time. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start. Never goes back; every duration is measured with it. */
  monotonicMs(): number;
  /** Resolves after `delayMs`; rejects with `signal.reason` when aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

const LONGEST_TIMER_MS = 2_147_483_647; // setTimeout takes a signed 32-bit delay.

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(delayMs, signal) {
    const untilMs = performance.now() + delayMs;
    do {
      const restMs = Math.max(0, untilMs - performance.now());
      await sleepOnce(Math.min(restMs, LONGEST_TIMER_MS), signal);
    } while (untilMs - performance.now() > 1);
  },
};

function sleepOnce(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReasonOf(signal));
      return;
    }
    const timer = setTimeout(() => {
      stopListening?.();
      resolve();
    }, delayMs);
    const stopListening =
      signal &&
      onAbort(signal, () => {
        clearTimeout(timer);
        reject(abortReasonOf(signal));
      });
  });
}

/** Lets other work of the event loop (sockets, timers) run first. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
