import { type Clock, yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";

/** Longest time a replay blocks the event loop. */
const SLICE_MS = 8;
/** A pause is as long as the work before it, up to this. */
const MAX_REST_MS = 100;

/** Limits a replay to half of a processor, so that scrapes and live rules stay on time. */
export class ReplayPause {
  private sliceBeganMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {
    this.sliceBeganMs = clock.monotonicMs();
  }

  /**
   * Returns at once until some milliseconds of work have accumulated.
   *
   * @throws the signal's reason when the replay is stopped
   */
  async ifDue(): Promise<void> {
    const workedMs = this.clock.monotonicMs() - this.sliceBeganMs;
    if (workedMs < SLICE_MS) return;
    this.signal.throwIfAborted();
    await yieldToEventLoop();
    await this.clock.sleep(Math.min(workedMs, MAX_REST_MS), this.signal);
    this.sliceBeganMs = this.clock.monotonicMs();
  }
}
