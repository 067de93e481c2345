import { PihealthError } from "../shared/model/errors.js";
import type { MetricDefinition, Sample } from "../shared/model/metric.js";

/** One subject's reader. It touches neither the metric registry nor a real path: sources are given to it. */
export interface Collector {
  readonly name: string;
  /** Every metric `collect` may return samples of. */
  readonly metrics: readonly MetricDefinition[];
  /** @throws {NoDataError} when this machine has no such thing; any other error is a broken read */
  collect(signal: AbortSignal): Promise<Sample[]>;
}

/** This machine does not have what the collector reads (no thermal zone, no swap): not a failure. */
export class NoDataError extends PihealthError {
  readonly code = "no_data";
}
