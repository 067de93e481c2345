import { PihealthError } from "../shared/model/errors.js";
import type { MetricDefinition, Sample } from "../shared/model/metric.js";

/** One subject's reader. It touches neither the metric registry nor a real path: sources are given to it. */
export interface Collector {
  readonly name: string;
  /** Every metric `collect` may return samples of. */
  readonly metrics: readonly MetricDefinition[];
  /**
   * Milliseconds before its place in the rhythm at which `collect` is called: for what is measured
   * over a window that ends there. 0 when left out.
   */
  readonly leadMs?: number;
  /**
   * @param due resolves at the collector's place in the rhythm, together with the work of others,
   * so that a window's end wakes nobody on its own; undefined where there is no rhythm
   * @throws {NoDataError} when this machine has no such thing; any other error is a broken read
   */
  collect(signal: AbortSignal, due?: Promise<void>): Promise<Sample[]>;
}

/** This machine does not have what the collector reads (no thermal zone, no swap): not a failure. */
export class NoDataError extends PihealthError {
  readonly code = "no_data";
}
