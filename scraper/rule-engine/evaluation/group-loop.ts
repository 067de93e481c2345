import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { GroupEvaluator } from "./group-evaluator.js";
import { GroupSchedule } from "./group-schedule.js";

/** Evaluates one group whenever it is due, until it is stopped. */
export class GroupLoop {
  iterations = 0;
  missedIterations = 0;
  private readonly stopping = new AbortController();
  private readonly ended: Promise<void>;

  constructor(
    readonly evaluator: GroupEvaluator,
    private readonly clock: Clock,
    private readonly afterEvaluation: () => Promise<void>,
  ) {
    this.ended = this.run();
  }

  /** Resolves when the evaluation in progress has ended. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("rule group stopped"));
    await this.ended;
  }

  private async run(): Promise<void> {
    const { intervalMs } = this.evaluator.group;
    const schedule = new GroupSchedule(intervalMs, this.evaluator.group);
    let doneMs = schedule.lastDueMs(this.clock.wallMs());
    let startedMs = this.clock.monotonicMs();
    while (await this.sleepUntil(schedule.nextDueMs(this.clock.wallMs()))) {
      const dueMs = schedule.lastDueMs(this.clock.wallMs());
      if (dueMs === doneMs) continue; // The timer fired slightly early.
      // Missed intervals are counted with the monotonic clock, which never jumps.
      const nowMs = this.clock.monotonicMs();
      const passed = Math.floor((nowMs - startedMs + intervalMs / 2) / intervalMs);
      if (this.iterations > 0) this.missedIterations += Math.max(0, passed - 1);
      startedMs = nowMs;
      doneMs = dueMs;
      this.iterations++;
      await this.evaluator.evaluateAt(dueMs, this.stopping.signal);
      await this.afterEvaluation();
    }
  }

  /** @returns false when the loop was stopped in the meantime */
  private async sleepUntil(wallMs: number): Promise<boolean> {
    if (this.stopping.signal.aborted) return false;
    try {
      await this.clock.sleep(Math.max(1, wallMs - this.clock.wallMs()), this.stopping.signal);
      return true;
    } catch (error) {
      if (this.stopping.signal.aborted) return false;
      throw error;
    }
  }
}
