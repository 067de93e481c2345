import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { QueryStatistics } from "./query-results.js";
import type { SampleBudget } from "./sample-budget.js";

/** Counts what one query costs. */
export class QueryMeter {
  private readonly startMs: number;
  private samples = 0;
  private preparationMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly budget: SampleBudget,
  ) {
    this.startMs = clock.monotonicMs();
  }

  /** @param samples seen by steps or windows, each time they were seen */
  countSamples(samples: number): void {
    this.samples += samples;
  }

  /** Counts the time until the promise settles as reading. */
  async timeReading<Result>(read: () => Promise<Result>): Promise<Result> {
    const fromMs = this.clock.monotonicMs();
    try {
      return await read();
    } finally {
      this.preparationMs += this.clock.monotonicMs() - fromMs;
    }
  }

  statistics(): QueryStatistics {
    return {
      totalSamples: this.samples,
      peakSamples: this.budget.peak,
      preparationSeconds: this.preparationMs / 1000,
      totalSeconds: (this.clock.monotonicMs() - this.startMs) / 1000,
    };
  }
}
