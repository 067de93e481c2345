import { PihealthError } from "../shared/model/errors.js";
import type { MetricDefinition, Sample } from "../shared/model/metric.js";

/**
 * Reads one subject. It touches neither the metric registry nor a real path: its sources are
 * injected.
 */
export interface Collector {
  readonly name: string;
  /** Every metric `collect` may return samples of. */
  readonly metrics: readonly MetricDefinition[];
  /**
   * For collectors that measure over a window: how many milliseconds before its scheduled time
   * `collect` is called. The window ends at the scheduled time. Default 0.
   */
  readonly leadMs?: number;
  /**
   * @param due resolves at the scheduled time, in the wake-up that runs the other collectors;
   * undefined without a schedule
   * @throws {NoDataError} when this machine does not have the subject; any other error is a failed
   * read
   */
  collect(signal: AbortSignal, due?: Promise<void>): Promise<Sample[]>;
}

/**
 * This machine does not have the collector's subject (no thermal zone, no swap). This is not a
 * failure.
 */
export class NoDataError extends PihealthError {
  readonly code = "no_data";
}
