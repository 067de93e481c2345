import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Querier } from "../../storage/model/querier.js";
import type { Annotations } from "./annotations.js";
import type { Expression, RangeExtension } from "../language/ast.js";
import type { QueryFeatures } from "../language/features.js";
import type { Pacer } from "./pacer.js";
import type { QueryMeter } from "./query-meter.js";
import type { SampleBudget } from "./sample-budget.js";
import type { TimeGrid } from "./time-grid.js";
import type { VectorBlock } from "./vector-block.js";

/** What all parts of one query share. */
export interface Evaluation {
  readonly querier: Querier;
  readonly pacer: Pacer;
  readonly budget: SampleBudget;
  readonly meter: QueryMeter;
  readonly annotations: Annotations;
  readonly features: QueryFeatures;
  /** The grid of the query itself, which `@ start()`, `step()` and their kin speak of. */
  readonly query: TimeGrid;
  readonly lookbackMs: number;
  /** Resolution of subqueries that name none. */
  readonly subqueryStepMs: number;
  /** That one selector may find. */
  readonly maxSeries: number;

  /** The expression, of type vector, at every step of the grid. */
  vector(expression: Expression, grid: TimeGrid): Promise<VectorBlock>;
  /** The expression, of type scalar, at every step of the grid. */
  scalar(expression: Expression, grid: TimeGrid): Promise<Float64Array>;
  /** The samples that the windows of an expression of type matrix hold. */
  ranges(expression: Expression, grid: TimeGrid): Promise<RangeSelection>;
}

/** Samples of one series and, for every step, which of them its window holds. */
export interface RangeRow {
  readonly labels: Labels;
  readonly nameDropped: number;
  readonly timestamps: Float64Array;
  /** Only true samples: no staleness marker, nothing absent. */
  readonly values: Float64Array;
  /** Index of the first sample in the window of each step. */
  readonly from: Int32Array;
  /** Index behind the last sample in the window of each step. */
  readonly until: Int32Array;
}

export interface RangeSelection {
  readonly windowMs: number;
  /** The end of the window of each step: its time, moved by `offset` and `@`. Windows do not hold their start. */
  readonly ends: Float64Array;
  /** Rows hold samples beyond the edges of their windows. */
  readonly extension?: RangeExtension | undefined;
  readonly rowCount: number;
  rows(): Iterable<RangeRow>;
}
