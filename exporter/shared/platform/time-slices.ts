import { yieldToEventLoop, type Clock } from "./clock.js";

/** The longest time for which one piece of a long work blocks the event loop. */
const SLICE_MS = 8;

/**
 * Splits long work into slices, so that requests and scrapes are served in between:
 * `if (slices.areDue) await slices.pause();` in a loop.
 */
export class TimeSlices {
  private endMs: number;

  constructor(private readonly clock: Pick<Clock, "monotonicMs">) {
    this.endMs = clock.monotonicMs() + SLICE_MS;
  }

  /** True when it is time to pause. */
  get areDue(): boolean {
    return this.clock.monotonicMs() >= this.endMs;
  }

  /** Starts a slice, after other work has run since the last one. */
  restart(): void {
    this.endMs = this.clock.monotonicMs() + SLICE_MS;
  }

  /** Lets other work run. */
  async pause(): Promise<void> {
    await yieldToEventLoop();
    this.restart();
  }
}
