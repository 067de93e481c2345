import { yieldToEventLoop, type Clock } from "../../../exporter/shared/platform/clock.js";
import { QueryCanceledError, QueryTimeoutError } from "../language/query-errors.js";

/** How long a query may keep the event loop from other work. */
const SLICE_MS = 8;
/** Looking at the clock costs as much as some dozen values, so it is looked at once per this many. */
const VALUES_PER_LOOK = 8192;

export interface PacerOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keeps a long query polite and mortal. Loops over series report their work and pause when told to:
 * `if (pacer.isDue(steps)) await pacer.pause();`
 */
export class Pacer {
  private readonly clock: Clock;
  private readonly signal: AbortSignal | undefined;
  private readonly deadlineMs: number;
  private sliceEndMs: number;
  private workUntilLook = VALUES_PER_LOOK;

  constructor({ clock, timeoutMs, signal }: PacerOptions) {
    this.clock = clock;
    this.signal = signal;
    const nowMs = clock.monotonicMs();
    this.deadlineMs = nowMs + timeoutMs;
    this.sliceEndMs = nowMs + SLICE_MS;
  }

  /** @param values how many values have been looked at since the last call */
  isDue(values: number): boolean {
    this.workUntilLook -= values + 1;
    if (this.workUntilLook > 0) return false;
    this.workUntilLook = VALUES_PER_LOOK;
    return this.clock.monotonicMs() >= this.sliceEndMs;
  }

  /**
   * Lets other work run.
   *
   * @throws {QueryTimeoutError | QueryCanceledError}
   */
  async pause(): Promise<void> {
    this.check();
    await yieldToEventLoop();
    this.check();
    this.sliceEndMs = this.clock.monotonicMs() + SLICE_MS;
  }

  /** @throws {QueryTimeoutError | QueryCanceledError} when the query must not go on */
  check(): void {
    if (this.signal?.aborted === true)
      throw new QueryCanceledError("query was canceled in expression evaluation");
    if (this.clock.monotonicMs() > this.deadlineMs) {
      throw new QueryTimeoutError("query timed out in expression evaluation");
    }
  }
}
