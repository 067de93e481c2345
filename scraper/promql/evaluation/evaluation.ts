/**
 * The state of one running query, which the functions and operators share, and the data they
 * exchange. Samples come in from the storage through `querier`, once per selector; blocks of values
 * for all steps of the query go out, one per node of the expression (vector-block.ts).
 *
 * A query runs on the event loop, in the asynchronous call of whoever asked. Two things keep it in
 * bounds:
 * - Pacing: loops over series report their work to the `pacer`. About every 8 ms it lets other work
 *   run, and it throws when the query has timed out or was aborted.
 * - Budgets: a node takes the values of its result from `budget` before it allocates them, and
 *   gives back all but its final result when it is done. `maxSeries` limits each selector.
 */
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Querier } from "../../storage/model/querier.js";
import type { Annotations } from "./annotations.js";
import type { Expression, RangeExtension } from "../language/ast.js";
import type { QueryFeatures } from "../language/features.js";
import type { Pacer } from "./pacer.js";
import type { QueryMeter } from "./query-meter.js";
import type { SampleBudget } from "./sample-budget.js";
import type { QueryTimes, TimeGrid } from "./time-grid.js";
import type { VectorBlock } from "./vector-block.js";

export interface Evaluation {
  readonly querier: Querier;
  readonly pacer: Pacer;
  readonly budget: SampleBudget;
  readonly meter: QueryMeter;
  readonly annotations: Annotations;
  readonly features: QueryFeatures;
  /** The times of the whole query, for `@ start()`, `step()` and the like. */
  readonly query: QueryTimes;
  readonly lookbackMs: number;
  /** The resolution of subqueries without a step. */
  readonly subqueryStepMs: number;
  /** The most series that one selector may select. */
  readonly maxSeries: number;

  /** Evaluates an expression of type vector at every step of the grid. */
  vector(expression: Expression, grid: TimeGrid): Promise<VectorBlock>;
  /** Evaluates an expression of type scalar at every step of the grid. */
  scalar(expression: Expression, grid: TimeGrid): Promise<Float64Array>;
  /** Selects the samples in the windows of an expression of type matrix. */
  ranges(expression: Expression, grid: TimeGrid): Promise<RangeSelection>;
}

/** The samples of one series, and which of them are in the window of each step. */
export interface RangeRow {
  readonly labels: Labels;
  readonly nameDropped: number;
  readonly timestamps: Float64Array;
  /** Without staleness markers and absent values. */
  readonly values: Float64Array;
  /** Index of the first sample in the window of each step. */
  readonly from: Int32Array;
  /** Index after the last sample in the window of each step. */
  readonly until: Int32Array;
}

export interface RangeSelection {
  readonly windowMs: number;
  /**
   * The end of the window of each step, after `offset` and `@`. A window excludes its start and
   * includes its end.
   */
  readonly ends: Float64Array;
  /** Set when rows also have samples outside of their windows. */
  readonly extension?: RangeExtension | undefined;
  readonly rowCount: number;
  rows(): Iterable<RangeRow>;
}
