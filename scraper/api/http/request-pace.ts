import type { PausePoints } from "../../base/paced-sort.js";
import type { WorkTurns } from "../../base/work-turns.js";
import { ApiError } from "./api-errors.js";

/** The clock is read once per this many values. */
const VALUES_PER_CLOCK_READ = 1024;

/**
 * Where the work of one request that is no query may let other work run: the request shares the
 * turns of the event loop with all queries, and ends when its client has gone.
 */
export class RequestPace implements PausePoints {
  private valuesUntilClockRead = VALUES_PER_CLOCK_READ;

  constructor(
    private readonly turns: WorkTurns,
    private readonly signal?: AbortSignal,
  ) {}

  isDue(values: number): boolean {
    this.valuesUntilClockRead -= values + 1;
    if (this.valuesUntilClockRead > 0) return false;
    this.valuesUntilClockRead = VALUES_PER_CLOCK_READ;
    return this.turns.isOver;
  }

  /** @throws {ApiError} canceled, when the client has gone */
  async pause(): Promise<void> {
    await this.turns.next("requests");
    if (this.signal?.aborted === true) throw new ApiError("canceled", "request was canceled");
  }
}
