import { yieldToEventLoop, type Clock } from "../../exporter/shared/platform/clock.js";

/** The longest time for which long jobs together block one turn of the event loop. */
const SLICE_MS = 5;

/** Jobs of the two lanes alternate, so that many requests do not slow down the rules. */
export type WorkLane = "rules" | "requests";

/**
 * Shares the event loop among long jobs, such as queries. In each turn of the loop one job works for a
 * few milliseconds, whatever their number, and all others wait in order. If every job paused by
 * itself, twenty jobs would work in one turn, one after the other.
 */
export class WorkTurns {
  private sliceEndMs = Number.NEGATIVE_INFINITY;
  private readonly waiting: Readonly<Record<WorkLane, (() => void)[]>> = {
    rules: [],
    requests: [],
  };
  private lastLane: WorkLane = "requests";
  private isScheduled = false;

  /** @param nextTurn resolves in the next turn of the event loop */
  constructor(
    private readonly clock: Pick<Clock, "monotonicMs">,
    private readonly nextTurn: () => Promise<void> = yieldToEventLoop,
  ) {}

  /** True when the jobs have used up their time in this turn of the loop. */
  get isOver(): boolean {
    return this.clock.monotonicMs() >= this.sliceEndMs;
  }

  /** Resolves in a later turn of the loop, when no other job is ahead. */
  next(lane: WorkLane): Promise<void> {
    return new Promise((resolve) => {
      this.waiting[lane].push(resolve);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    void this.nextTurn().then(() => this.begin());
  }

  private begin(): void {
    this.isScheduled = false;
    const other = this.lastLane === "rules" ? "requests" : "rules";
    const lane = this.waiting[other].length > 0 ? other : this.lastLane;
    this.lastLane = lane;
    this.sliceEndMs = this.clock.monotonicMs() + SLICE_MS;
    this.waiting[lane].shift()?.();
    if (this.waiting.rules.length + this.waiting.requests.length > 0) this.schedule();
  }
}
