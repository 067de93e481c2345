/**
 * Functions of instant vectors, and `absent_over_time`. A call and a grid of steps come in, a
 * `VectorBlock` goes out; arguments are evaluated through the `Evaluation`. Functions of a range
 * vector are in range-functions.ts, and functions that return a scalar are in query/evaluator.ts.
 */
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import { withoutParentheses, type Call, type Expression } from "../language/ast.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { selectInstants } from "../evaluation/selectors.js";
import { timeAt, timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import {
  dropNames,
  emptyBlock,
  mapCells,
  singleRow,
  type VectorBlock,
} from "../evaluation/vector-block.js";
import { callHistogramFunction } from "./histogram-functions.js";
import { callInfo } from "./info-function.js";
import { labelJoin, labelReplace } from "./label-functions.js";
import { sortBlock } from "./sort-functions.js";
import { DATE_FUNCTIONS, VALUE_FUNCTIONS } from "./value-functions.js";

export async function callInstantFunction(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { name } = call.signature;
  const change = VALUE_FUNCTIONS.get(name);
  if (change !== undefined)
    return mapValues(await vectorArgument(call, grid, evaluation), change, evaluation);
  const dateOf = DATE_FUNCTIONS.get(name);
  if (dateOf !== undefined)
    return mapValues(await dates(call, grid, evaluation), dateOf, evaluation);
  switch (name) {
    case "clamp":
    case "clamp_min":
    case "clamp_max":
      return clamp(call, grid, evaluation);
    case "round":
      return round(call, grid, evaluation);
    case "timestamp":
      return timestamps(call, grid, evaluation);
    case "vector":
      return singleRow(Labels.EMPTY, await evaluation.scalar(itemAt(call.arguments, 0), grid));
    case "absent":
    case "absent_over_time":
      return absent(call, grid, evaluation);
    case "label_replace":
      return labelReplace(call, await vectorArgument(call, grid, evaluation), evaluation.pacer);
    case "label_join":
      return labelJoin(call, await vectorArgument(call, grid, evaluation), evaluation.pacer);
    case "info":
      return callInfo(call, grid, evaluation);
    case "sort":
    case "sort_desc":
    case "sort_by_label":
    case "sort_by_label_desc":
      return sortBlock(call, await vectorArgument(call, grid, evaluation), evaluation);
    default:
      return callHistogramFunction(call, grid, evaluation);
  }
}

/** Every instant function takes its vector as the first argument. */
const vectorArgument = (call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> =>
  evaluation.vector(itemAt(call.arguments, 0), grid);

async function mapValues(
  block: VectorBlock,
  change: (value: number) => number,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  return dropNames(
    { ...block, values: await mapCells(block, evaluation.pacer, change) },
    evaluation,
  );
}

/** The argument of a date function; its default is the time of the step. */
async function dates(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  if (call.arguments.length > 0) return vectorArgument(call, grid, evaluation);
  return singleRow(
    Labels.EMPTY,
    timesOf(grid).map((timeMs) => timeMs / 1000),
  );
}

/** Go's math.Min: minus infinity is lower than NaN. */
const lower = (left: number, right: number): number =>
  left === -Infinity || right === -Infinity ? -Infinity : Math.min(left, right);

/** Go's math.Max: infinity is higher than NaN. */
const higher = (left: number, right: number): number =>
  left === Infinity || right === Infinity ? Infinity : Math.max(left, right);

async function clamp(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  const block = await vectorArgument(call, grid, evaluation);
  const { name } = call.signature;
  const bound = await evaluation.scalar(itemAt(call.arguments, 1), grid);
  const lowest = name === "clamp_max" ? bound.map(() => -Infinity) : bound;
  const highest =
    name === "clamp_max" ? bound : name === "clamp_min" ? bound.map(() => Infinity) : undefined;
  const upper = highest ?? (await evaluation.scalar(itemAt(call.arguments, 2), grid));
  const present = block.present.slice();
  const values = await mapCells(block, evaluation.pacer, (value, cell) => {
    const low = lowest[cell % grid.count] as number;
    const high = upper[cell % grid.count] as number;
    if (high < low) present[cell] = 0;
    return higher(low, lower(high, value));
  });
  return dropNames({ ...block, values, present }, evaluation);
}

async function round(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  const block = await vectorArgument(call, grid, evaluation);
  const [, nearest] = call.arguments;
  const toNearest = nearest === undefined ? undefined : await evaluation.scalar(nearest, grid);
  const values = await mapCells(block, evaluation.pacer, (value, cell) => {
    // Multiplying by the inverse loses fewer digits for values such as 0.1.
    const inverse = 1 / (toNearest?.[cell % grid.count] ?? 1);
    return Math.floor(value * inverse + 0.5) / inverse;
  });
  return dropNames({ ...block, values }, evaluation);
}

/** The times of the samples of a selector; for any other expression, the time of the step. */
async function timestamps(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const source = withoutParentheses(itemAt(call.arguments, 0));
  if (source.kind === "vector_selector") {
    return dropNames(await selectInstants(source, grid, evaluation, "timestamp"), evaluation);
  }
  const block = await evaluation.vector(source, grid);
  const values = await mapCells(
    block,
    evaluation.pacer,
    (_, cell) => timeAt(grid, cell % grid.count) / 1000,
  );
  return dropNames({ ...block, values }, evaluation);
}

/** 1 at the steps where no series has a sample. */
async function absent(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  const present = new Uint8Array(grid.count).fill(1);
  const source = itemAt(call.arguments, 0);
  if (call.signature.name === "absent") {
    const block = await evaluation.vector(source, grid);
    for (let row = 0; row < block.labels.length; row++) {
      const from = row * grid.count;
      for (let step = 0; step < grid.count; step++)
        if (block.present[from + step] === 1) present[step] = 0;
      if (evaluation.pacer.isDue(grid.count)) await evaluation.pacer.pause();
    }
  } else {
    for (const { from, until, values } of (await evaluation.ranges(source, grid)).rows()) {
      for (let step = 0; step < grid.count; step++)
        if (from[step] !== until[step]) present[step] = 0;
      if (evaluation.pacer.isDue(grid.count + values.length)) await evaluation.pacer.pause();
    }
  }
  if (!present.includes(1)) return emptyBlock(grid.count);
  return { ...singleRow(labelsOfAbsent(source), new Float64Array(grid.count).fill(1)), present };
}

/**
 * The labels of an absent series: those that the selector requires to be equal to a value, exactly
 * once.
 */
function labelsOfAbsent(source: Expression): Labels {
  const inner = withoutParentheses(source);
  const selector = inner.kind === "matrix_selector" ? inner.selector : inner;
  if (selector.kind !== "vector_selector") return Labels.EMPTY;
  const wanted = new Map<string, string>();
  for (const { name, operator, value } of selector.matchers) {
    if (name === METRIC_NAME) continue;
    const isFirst = !wanted.has(name);
    wanted.set(name, operator === "=" && isFirst ? value : "");
  }
  return Labels.of(wanted);
}
