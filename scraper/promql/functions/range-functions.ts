import type { Call, Expression, SourceRange } from "../language/ast.js";
import { resultTypeOf } from "../language/ast.js";
import type { Evaluation, RangeSelection } from "../evaluation/evaluation.js";
import { timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import { BlockBuilder, dropNames, type VectorBlock } from "../evaluation/vector-block.js";
import { extendedFunctionOf } from "./extended-functions.js";
import { maxOverTime, minOverTime } from "./extreme-functions.js";
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
  ["min_over_time", minOverTime],
  ["max_over_time", maxOverTime],
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

const NAME_KEEPING: readonly string[] = ["last_over_time", "first_over_time"];
const COUNTER_NAME = /_(total|sum|count|bucket)$/;

/** Evaluates a function of one range vector and perhaps scalars, or gives undefined when it is none of these. */
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
  const range = call.arguments.find(
    (argument) => resultTypeOf(argument) === "matrix",
  ) as Expression;
  const selection = await evaluation.ranges(range, grid);
  const times = timesOf(grid);
  const { windowMs, ends } = selection;
  const block = await applyToRows(
    apply,
    call,
    selection,
    { windowMs, ends, times, parameters },
    evaluation,
  );
  if (call.signature.name === "rate" || call.signature.name === "increase") {
    noteNonCounters(block, range.range, evaluation);
  }
  if (call.signature.name === "quantile_over_time" && block.labels.length > 0) {
    noteQuantiles(
      parameters[0] as Float64Array,
      (call.arguments[0] as Expression).range,
      evaluation,
    );
  }
  if (NAME_KEEPING.includes(call.signature.name)) return block;
  return dropNames(block, evaluation);
}

async function applyToRows(
  apply: WindowFunction,
  { signature }: Call,
  selection: RangeSelection,
  context: WindowContext,
  { budget, pacer }: Evaluation,
): Promise<VectorBlock> {
  const steps = context.ends.length;
  const keepsName = NAME_KEEPING.includes(signature.name);
  budget.take(selection.rowCount * steps);
  const builder = new BlockBuilder(steps, selection.rowCount);
  for (const row of selection.rows()) {
    apply(row, builder, context);
    builder.finishRow(row.labels, keepsName ? row.nameDropped : 0);
    if (pacer.isDue(row.values.length + steps)) await pacer.pause();
  }
  return builder.build();
}

function noteNonCounters(
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

function noteQuantiles(
  quantiles: Float64Array,
  range: SourceRange,
  { annotations }: Evaluation,
): void {
  for (const quantile of quantiles) {
    if (!(quantile >= 0 && quantile <= 1)) annotations.invalidQuantile(quantile, range);
  }
}
