import { type Clock, yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";

/** How long a replay may keep the event loop from other work. */
const SLICE_MS = 8;
/** Rests as long as it has worked, but no longer than this at a time. */
const MAX_REST_MS = 100;

/**
 * Keeps a replay from taking more than half of a processor, so that scrapes and live rules are on
 * time.
 */
export class ReplayPause {
  private sliceBeganMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {
    this.sliceBeganMs = clock.monotonicMs();
  }

  /**
   * Costs nothing until some milliseconds were worked.
   *
   * @throws the signal's reason when the replay must end
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
