import { abortReasonOf, onAbort } from "../../exporter/shared/platform/abort.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";

interface Sleeper {
  readonly untilMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** A clock that advances only when a test says so. Wall and monotonic time can be moved apart. */
export class FakeClock implements Clock {
  private wall: number;
  private monotonic = 0;
  private order = 0;
  private sleepers: Sleeper[] = [];

  constructor(startMs = Date.UTC(2026, 0, 12, 15, 0, 0)) {
    this.wall = startMs;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(abortReasonOf(signal));
        return;
      }
      const wake = (): void => {
        stopListening?.();
        resolve();
      };
      const sleeper = { untilMs: this.monotonic + Math.max(0, delayMs), order: this.order++, wake };
      this.sleepers.push(sleeper);
      const stopListening =
        signal &&
        onAbort(signal, () => {
          this.sleepers = this.sleepers.filter((candidate) => candidate !== sleeper);
          reject(abortReasonOf(signal));
        });
    });
  }

  /** Number of `sleep` calls that have not ended. */
  get sleeping(): number {
    return this.sleepers.length;
  }

  /**
   * Moves both clocks. Wakes sleepers in the order of their time, and lets the work they start run
   * in between.
   */
  async advance(byMs: number): Promise<void> {
    const endMs = this.monotonic + byMs;
    await settle();
    for (;;) {
      const due = this.sleepers.filter((sleeper) => sleeper.untilMs <= endMs);
      due.sort((left, right) => left.untilMs - right.untilMs || left.order - right.order);
      const next = due[0];
      if (next === undefined) break;
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== next);
      this.moveTo(Math.max(this.monotonic, next.untilMs));
      next.wake();
      await settle();
    }
    this.moveTo(endMs);
    await settle();
  }

  /** Steps only the wall clock, as time synchronisation does. */
  stepWall(byMs: number): void {
    this.wall += byMs;
  }

  private moveTo(monotonicMs: number): void {
    this.wall += monotonicMs - this.monotonic;
    this.monotonic = monotonicMs;
  }
}

/** Lets promise callbacks and immediates run until they had a fair chance to finish. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 4; round++) await new Promise((resolve) => setImmediate(resolve));
}
