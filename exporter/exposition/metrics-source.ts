import type { MetricDefinition, Sample } from "../shared/model/metric.js";

/** A part of the exporter that reports about itself whenever metrics are prepared. */
export interface MetricsSource {
  /** Every metric `read` may return samples of. */
  readonly metrics: readonly MetricDefinition[];
  /** Must be cheap and must not throw. */
  read(): Sample[];
}
