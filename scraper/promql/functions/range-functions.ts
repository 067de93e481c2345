/**
 * Functions of a range vector, such as `rate` and `sum_over_time`. The samples of one series and
 * the windows of all steps come in (`RangeRow`), one result per window goes out into a
 * `VectorBlock`. Each function is a `WindowFunction`; the files beside this one define them. The
 * loop over the series paces the query and takes the results from its budget; functions of scalars
 * and instant vectors are in instant-functions.ts.
 */
import { argumentOfType, resultTypeOf, type Call, type SourceRange } from "../language/ast.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Evaluation, RangeRow, RangeSelection } from "../evaluation/evaluation.js";
import { VALUES_AT_ONCE } from "../evaluation/pacer.js";
import { timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import { BlockBuilder, dropNames, type VectorBlock } from "../evaluation/vector-block.js";
import { extendedFunctionOf } from "./extended-functions.js";
import * as overTime from "./over-time-functions.js";
import * as rates from "./rate-functions.js";
import * as trends from "./trend-functions.js";
import type { WindowContext, WindowFunction } from "./window-function.js";

const WINDOW_FUNCTIONS: ReadonlyMap<string, WindowFunction> = new Map([
  ["rate", rates.rate],
  ["increase", rates.increase],
  ["delta", rates.delta],
  ["irate", rates.irate],
  ["idelta", rates.idelta],
  ["resets", rates.resets],
  ["changes", rates.changes],
  ["deriv", trends.deriv],
  ["predict_linear", trends.predictLinear],
  ["double_exponential_smoothing", trends.doubleExponentialSmoothing],
  ["sum_over_time", overTime.sumOverTime],
  ["avg_over_time", overTime.averageOverTime],
  ["min_over_time", overTime.minOverTime],
  ["max_over_time", overTime.maxOverTime],
  ["count_over_time", overTime.countOverTime],
  ["present_over_time", overTime.presentOverTime],
  ["last_over_time", overTime.lastOverTime],
  ["first_over_time", overTime.firstOverTime],
  ["stddev_over_time", overTime.deviationOverTime],
  ["stdvar_over_time", overTime.varianceOverTime],
  ["quantile_over_time", overTime.quantileOverTime],
  ["mad_over_time", overTime.medianDeviationOverTime],
  ["ts_of_first_over_time", overTime.timeOfFirst],
  ["ts_of_last_over_time", overTime.timeOfLast],
  ["ts_of_min_over_time", overTime.timeOfMin],
  ["ts_of_max_over_time", overTime.timeOfMax],
]);

const FUNCTIONS_KEEPING_NAMES: readonly string[] = ["last_over_time", "first_over_time"];
const COUNTER_NAME = /_(total|sum|count|bucket)$/;

/**
 * Evaluates a call of a function of one range vector and scalars; undefined when the function is
 * another one.
 */
export async function callRangeFunction(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock | undefined> {
  const apply = extendedFunctionOf(call) ?? WINDOW_FUNCTIONS.get(call.signature.name);
  if (apply === undefined) return undefined;
  const parameters: Float64Array[] = [];
  for (const argument of call.arguments) {
    if (resultTypeOf(argument) === "scalar")
      parameters.push(await evaluation.scalar(argument, grid));
  }
  const range = argumentOfType(call, "matrix");
  const selection = await evaluation.ranges(range, grid);
  const { windowMs, ends } = selection;
  const { pacer } = evaluation;
  const context = { windowMs, ends, times: timesOf(grid), parameters, pacer };
  const block = await applyToRows(apply, call, selection, context, evaluation);
  const { name } = call.signature;
  if (name === "rate" || name === "increase") checkCounterNames(block, range.range, evaluation);
  if (name === "quantile_over_time" && block.labels.length > 0) {
    const quantiles = itemAt(parameters, 0);
    evaluation.annotations.checkQuantiles(quantiles, itemAt(call.arguments, 0).range);
  }
  return FUNCTIONS_KEEPING_NAMES.includes(name) ? block : dropNames(block, evaluation);
}

async function applyToRows(
  apply: WindowFunction,
  { signature }: Call,
  selection: RangeSelection,
  context: WindowContext,
  { budget, pacer }: Evaluation,
): Promise<VectorBlock> {
  const steps = context.ends.length;
  const keepsName = FUNCTIONS_KEEPING_NAMES.includes(signature.name);
  budget.take(selection.rowCount * steps);
  const builder = new BlockBuilder(steps, selection.rowCount);
  for (const row of selection.rows()) {
    const evaluate = apply(row, builder, context);
    for (let from = 0; from < steps;) {
      const until = stepsWithin(row, from);
      const pending = evaluate(from, until);
      if (pending !== undefined) await pending;
      if (until < steps && pacer.isDue(VALUES_AT_ONCE)) await pacer.pause();
      from = until;
    }
    builder.finishRow(row.labels, keepsName ? row.nameDropped : 0);
    if (pacer.isDue(row.values.length + windowSamples(row))) await pacer.pause();
  }
  return builder.build();
}

/** About how many samples all windows together have: most windows are as long as the last one. */
function windowSamples({ from, until }: RangeRow): number {
  const steps = from.length;
  return steps === 0 ? 0 : steps * (1 + (until[steps - 1] as number) - (from[steps - 1] as number));
}

/** The step after `from` up to which the windows have a moderate number of samples. */
function stepsWithin({ from: first, until }: RangeRow, from: number): number {
  const steps = first.length;
  // Nearly always the windows of all steps are short.
  const longest = (until[steps - 1] as number) - (first[0] as number);
  if (longest * (steps - from) <= VALUES_AT_ONCE) return steps;
  let samples = 0;
  let step = from;
  do {
    samples += (until[step] as number) - (first[step] as number) + 1;
    step++;
  } while (step < steps && samples < VALUES_AT_ONCE);
  return step;
}

/** Adds an info for each metric whose name does not look like a counter. */
function checkCounterNames(
  { labels }: VectorBlock,
  range: SourceRange,
  { annotations }: Evaluation,
): void {
  let lastName = "";
  for (const { name } of labels) {
    if (name === lastName) continue;
    lastName = name;
    if (!COUNTER_NAME.test(name)) annotations.possibleNonCounter(name, range);
  }
}
