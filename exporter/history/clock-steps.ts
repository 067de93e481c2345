import { counter, gauge, type Sample } from "../shared/model/metric.js";

export const CLOCK_STEP_METRICS = {
  steps: counter({
    name: "pihealth_clock_steps_total",
    help: "Times the wall clock was set forward or back by more than half a second since the exporter started.",
  }),
  stepSeconds: counter({
    name: "pihealth_clock_step_seconds_total",
    help: "Total of all changes of the wall clock since the exporter started, by direction, in seconds.",
    labels: ["direction"],
  }),
  lastStepSeconds: gauge({
    name: "pihealth_clock_last_step_seconds",
    help: "Last change of the wall clock in seconds, negative when it was set back, 0 before the first change.",
  }),
};

/** A smaller change between two looks is a drift. */
const LEAST_STEP_MS = 500;

/** Both clocks at one time. `monotonicMs` continues while the machine sleeps. */
interface ClockPair {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Detects that the wall clock was set, by comparing it with the monotonic clock. */
export class ClockSteps {
  private before: ClockPair | undefined;
  private steps = 0;
  private lastMs = 0;
  private readonly sumsMs = { forward: 0, back: 0 };

  /** @returns how far the wall clock was set since the last look; undefined when it was not set */
  look({ wallMs, monotonicMs }: ClockPair): number | undefined {
    const { before } = this;
    this.before = { wallMs, monotonicMs };
    if (before === undefined) return undefined;
    const stepMs = wallMs - before.wallMs - (monotonicMs - before.monotonicMs);
    if (Math.abs(stepMs) < LEAST_STEP_MS) return undefined;
    this.steps++;
    this.lastMs = stepMs;
    this.sumsMs[stepMs > 0 ? "forward" : "back"] += Math.abs(stepMs);
    return stepMs;
  }

  readMetrics(): Sample[] {
    return [
      CLOCK_STEP_METRICS.steps.sample(this.steps),
      ...(["forward", "back"] as const).map((direction) =>
        CLOCK_STEP_METRICS.stepSeconds.sample(this.sumsMs[direction] / 1000, { direction }),
      ),
      CLOCK_STEP_METRICS.lastStepSeconds.sample(this.lastMs / 1000),
    ];
  }
}
