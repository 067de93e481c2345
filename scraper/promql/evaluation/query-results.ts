import type { Labels } from "../../../exporter/shared/model/labels.js";

export interface ScalarValue {
  readonly type: "scalar";
  readonly timestampMs: number;
  readonly value: number;
}

export interface StringValue {
  readonly type: "string";
  readonly timestampMs: number;
  readonly value: string;
}

export interface VectorValue {
  readonly type: "vector";
  readonly samples: readonly VectorSample[];
}

export interface VectorSample {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
}

export interface MatrixValue {
  readonly type: "matrix";
  readonly series: readonly MatrixSeries[];
}

export interface MatrixSeries {
  readonly labels: Labels;
  /** Milliseconds since the Unix epoch, ascending; as long as `values`. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

export type QueryValue = ScalarValue | StringValue | VectorValue | MatrixValue;

export interface QueryStatistics {
  /** Samples that were used; a sample counts once per step or window that used it. */
  readonly totalSamples: number;
  /** The most values held in memory at once. */
  readonly peakSamples: number;
  /** Time spent reading from the storage. */
  readonly preparationSeconds: number;
  /** Total time, including reading. */
  readonly totalSeconds: number;
}

export interface QueryAnswer {
  readonly value: QueryValue;
  readonly statistics?: QueryStatistics;
  /** Prometheus' annotations, such as `PromQL info: metric might not be a counter, …`. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

export interface InstantQuery {
  readonly expression: string;
  readonly timeMs: number;
  readonly lookbackMs?: number | undefined;
  /**
   * After this time the query fails with a `QueryTimeoutError`. Can only shorten the engine's own
   * timeout.
   */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Receives the function that gives back the memory of the answer, for a caller that holds the
   * answer for long. Without it the memory counts as free at once.
   */
  readonly keepMemory?: ((release: () => void) => void) | undefined;
}

export interface RangeQuery extends Omit<InstantQuery, "timeMs"> {
  readonly fromMs: number;
  /** Inclusive, as in Prometheus' HTTP API. */
  readonly toMs: number;
  readonly stepMs: number;
}

/**
 * The query engine as the rule engine and the HTTP API see it. It throws the errors of
 * `query-errors.ts`.
 */
export interface Queries {
  instant(query: InstantQuery): Promise<QueryAnswer>;
  range(query: RangeQuery): Promise<QueryAnswer>;
}
