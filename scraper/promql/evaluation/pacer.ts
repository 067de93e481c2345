import { yieldToEventLoop, type Clock } from "../../../exporter/shared/platform/clock.js";
import { QueryCanceledError, QueryTimeoutError } from "../language/query-errors.js";

/** The longest time for which a query blocks the event loop. */
const SLICE_MS = 8;
/**
 * The clock is read once per this many values, since reading it takes as long as some dozen of
 * them.
 */
const VALUES_PER_CLOCK_READ = 8192;

export interface PacerOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Splits a long query into slices with pauses for other work, and ends it when it times out or is
 * aborted. Loops over series report their work: `if (pacer.isDue(steps)) await pacer.pause();`
 */
export class Pacer {
  private readonly clock: Clock;
  private readonly signal: AbortSignal | undefined;
  private readonly deadlineMs: number;
  private sliceEndMs: number;
  private valuesUntilClockRead = VALUES_PER_CLOCK_READ;

  constructor({ clock, timeoutMs, signal }: PacerOptions) {
    this.clock = clock;
    this.signal = signal;
    const nowMs = clock.monotonicMs();
    this.deadlineMs = nowMs + timeoutMs;
    this.sliceEndMs = nowMs + SLICE_MS;
  }

  /**
   * True when it is time to pause.
   *
   * @param values how many values were processed since the last call
   */
  isDue(values: number): boolean {
    this.valuesUntilClockRead -= values + 1;
    if (this.valuesUntilClockRead > 0) return false;
    this.valuesUntilClockRead = VALUES_PER_CLOCK_READ;
    return this.clock.monotonicMs() >= this.sliceEndMs;
  }

  /**
   * Lets other work run.
   *
   * @throws {QueryTimeoutError | QueryCanceledError} when the query must end
   */
  async pause(): Promise<void> {
    this.check();
    await yieldToEventLoop();
    this.check();
    this.sliceEndMs = this.clock.monotonicMs() + SLICE_MS;
  }

  /** @throws {QueryTimeoutError | QueryCanceledError} when the query must end */
  check(): void {
    if (this.signal?.aborted === true)
      throw new QueryCanceledError("query was canceled in expression evaluation");
    if (this.clock.monotonicMs() > this.deadlineMs) {
      throw new QueryTimeoutError("query timed out in expression evaluation");
    }
  }
}
