import type { Clock } from "../../exporter/shared/platform/clock.js";

const FIRST_RETRY_MS = 1000;
/**
 * Longest pause after an attempt that brought something: a Pi that answers flushes its history once
 * a minute.
 */
const LONGEST_PAUSE_MS = 20_000;
const LONGEST_PAUSE_AFTER_FAILURE_MS = 300_000;

interface Attempts {
  readonly nextMs: number;
  readonly count: number;
  /** Failures in a row. */
  readonly failures: number;
}

/**
 * When the history of each endpoint is fetched next: after a pause that doubles with each attempt.
 */
export class RetrySchedule {
  private readonly attempts = new Map<string, Attempts>();
  /** Endpoints that are not asked before this monotonic time, whatever happens. */
  private readonly asideUntilMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  isDue(endpoint: string): boolean {
    const nowMs = this.clock.monotonicMs();
    if ((this.asideUntilMs.get(endpoint) ?? 0) > nowMs) return false;
    const known = this.attempts.get(endpoint);
    return known === undefined || known.nextMs <= nowMs;
  }

  /**
   * Schedules the next attempt after one that has ended.
   *
   * @returns the number of failures in a row
   */
  noteAttempt(endpoint: string, hasSucceeded: boolean): number {
    const { count, failures: before } = this.attempts.get(endpoint) ?? { count: 0, failures: 0 };
    const failures = hasSucceeded ? 0 : before + 1;
    const longestMs = hasSucceeded ? LONGEST_PAUSE_MS : LONGEST_PAUSE_AFTER_FAILURE_MS;
    const nextMs = this.clock.monotonicMs() + Math.min(longestMs, FIRST_RETRY_MS * 2 ** count);
    this.attempts.set(endpoint, { nextMs, count: count + 1, failures });
    return failures;
  }

  /** Failures in a row of the last attempts. */
  failuresOf(endpoint: string): number {
    return this.attempts.get(endpoint)?.failures ?? 0;
  }

  /** Leaves an endpoint alone for a time that `reset` does not shorten. */
  putAside(endpoint: string, durationMs: number): void {
    this.asideUntilMs.set(endpoint, this.clock.monotonicMs() + durationMs);
  }

  /** The next attempt is due at once, and pauses start short again. */
  reset(endpoint: string): void {
    this.attempts.delete(endpoint);
  }
}
