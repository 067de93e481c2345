import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { type WorkLane, WorkTurns } from "../../base/work-turns.js";
import { QueryCanceledError, QueryTimeoutError } from "../language/query-errors.js";
import type { QueryMemory } from "./query-memory.js";

/**
 * The clock is read once per this many values, since reading it takes as long as some dozen of
 * them.
 */
const VALUES_PER_CLOCK_READ = 8192;

/** A loop over more values than this without an object per value is cut into parts of this length. */
export const VALUES_AT_ONCE = 65_536;

export interface PacerOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Shared by all jobs of the process. */
  readonly turns?: WorkTurns | undefined;
  readonly lane?: WorkLane | undefined;
  /** Where reads of the storage take their memory. */
  readonly memory?: QueryMemory | undefined;
}

/**
 * Splits a long query into slices with pauses for other work, and ends it when it times out or is
 * aborted. Loops over series report their work: `if (pacer.isDue(steps)) await pacer.pause();`
 */
export class Pacer {
  private readonly clock: Clock;
  private readonly turns: WorkTurns;
  private readonly lane: WorkLane;
  private readonly signal: AbortSignal | undefined;
  private readonly memory: QueryMemory | undefined;
  private readonly deadlineMs: number;
  private valuesUntilClockRead = VALUES_PER_CLOCK_READ;

  constructor({ clock, timeoutMs, signal, turns, lane, memory }: PacerOptions) {
    this.clock = clock;
    this.turns = turns ?? new WorkTurns(clock);
    this.lane = lane ?? "requests";
    this.signal = signal;
    this.memory = memory;
    this.deadlineMs = clock.monotonicMs() + timeoutMs;
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
    return this.turns.isOver;
  }

  /**
   * Lets other work run.
   *
   * @throws {QueryTimeoutError | QueryCanceledError} when the query must end
   */
  async pause(): Promise<void> {
    this.check();
    await this.turns.next(this.lane);
    this.check();
  }

  /**
   * Takes memory for data of the query.
   *
   * @throws {QueryMemoryError} when there is not enough
   */
  hold(bytes: number): void {
    this.memory?.take(bytes);
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
