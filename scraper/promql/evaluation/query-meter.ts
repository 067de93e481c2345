import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { QueryStatistics } from "./query-results.js";
import type { SampleBudget } from "./sample-budget.js";

/** Measures the time and the samples of one query. */
export class QueryMeter {
  private readonly startMs: number;
  private samples = 0;
  private readingMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly budget: SampleBudget,
  ) {
    this.startMs = clock.monotonicMs();
  }

  /**
   * @param samples how many samples steps or windows used; a sample counts once per step or window
   */
  countSamples(samples: number): void {
    this.samples += samples;
  }

  /** Counts the time until the promise settles as reading from the storage. */
  async timeReading<Result>(read: () => Promise<Result>): Promise<Result> {
    const fromMs = this.clock.monotonicMs();
    try {
      return await read();
    } finally {
      this.readingMs += this.clock.monotonicMs() - fromMs;
    }
  }

  statistics(): QueryStatistics {
    return {
      totalSamples: this.samples,
      peakSamples: this.budget.peak,
      preparationSeconds: this.readingMs / 1000,
      totalSeconds: (this.clock.monotonicMs() - this.startMs) / 1000,
    };
  }
}
