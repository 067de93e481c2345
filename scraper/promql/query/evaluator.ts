import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { aggregate } from "../operators/aggregations.js";
import {
  resultTypeOf,
  withoutParentheses,
  type BinaryOperation,
  type Call,
  type Expression,
} from "../language/ast.js";

import type { Evaluation, RangeSelection } from "../evaluation/evaluation.js";
import { callInstantFunction } from "../functions/instant-functions.js";
import { callRangeFunction } from "../functions/range-functions.js";
import { combineScalars, combineWithScalar } from "../operators/scalar-operations.js";
import type { Pacer } from "../evaluation/pacer.js";
import { selectInstants, selectRanges } from "../evaluation/selectors.js";
import { combineSets } from "../operators/set-operations.js";
import { isStepInvariant } from "./step-invariance.js";
import { selectSubquery } from "./subqueries.js";
import { querySeconds, timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import { isComparison, isSetOperator, isTrim } from "../language/tokens.js";
import { dropNames, emptyBlock, mapCells, type VectorBlock } from "../evaluation/vector-block.js";
import { combineVectors } from "../operators/vector-operations.js";

type EvaluationState = Omit<Evaluation, "vector" | "scalar" | "ranges">;

/**
 * Creates the evaluation of one query. Each node of its expression is evaluated once, for all
 * steps.
 */
export function createEvaluation(state: EvaluationState): Evaluation {
  const evaluation: Evaluation = {
    ...state,
    vector: (expression, grid) =>
      withinBudget(evaluation, () => evaluateVector(expression, grid, evaluation)),
    scalar: (expression, grid) => evaluateScalar(expression, grid, evaluation),
    ranges: (expression, grid) => evaluateRanges(expression, grid, evaluation),
  };
  return evaluation;
}

/** Gives back the budget that a node took, except for its result. */
async function withinBudget(
  { budget }: Evaluation,
  evaluate: () => Promise<VectorBlock>,
): Promise<VectorBlock> {
  const heldBefore = budget.held;
  const block = await evaluate();
  budget.settle(heldBefore, block.values.length);
  return block;
}

async function evaluateVector(
  expression: Expression,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  if (grid.count > 1 && isStepInvariant(expression)) {
    return repeatStep(
      await evaluateVector(expression, { ...grid, count: 1 }, evaluation),
      grid.count,
      evaluation,
    );
  }
  evaluation.pacer.check();
  switch (expression.kind) {
    case "vector_selector":
      return selectInstants(expression, grid, evaluation);
    case "parenthesized":
      return evaluateVector(withoutParentheses(expression), grid, evaluation);
    case "unary":
      return negate(
        expression.operator,
        await evaluation.vector(expression.operand, grid),
        evaluation,
      );
    case "aggregation":
      return aggregate(expression, grid, evaluation);
    case "binary":
      return evaluateBinary(expression, grid, evaluation);
    case "call":
      return (
        (await callRangeFunction(expression, grid, evaluation)) ??
        callInstantFunction(expression, grid, evaluation)
      );
    case "number":
    case "string":
    case "matrix_selector":
    case "subquery":
      throw new TypeError(
        `Cannot evaluate ${expression.kind} as an instant vector: type checking lets none through`,
      );
  }
}

/** Repeats the only step of a block. */
async function repeatStep(
  block: VectorBlock,
  steps: number,
  { budget, pacer }: Evaluation,
): Promise<VectorBlock> {
  budget.take(block.labels.length * steps);
  const values = new Float64Array(block.labels.length * steps);
  const present = new Uint8Array(values.length);
  for (let row = 0; row < block.labels.length; row++) {
    values.fill(block.values[row] as number, row * steps, (row + 1) * steps);
    present.fill(block.present[row] as number, row * steps, (row + 1) * steps);
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return { ...block, steps, values, present };
}

async function negate(
  operator: "+" | "-",
  block: VectorBlock,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  if (operator === "+") return block;
  return dropNames(
    { ...block, values: await mapCells(block, evaluation.pacer, (value) => -value) },
    evaluation,
  );
}

async function evaluateBinary(
  node: BinaryOperation,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { operator, left, right } = node;
  if (isTrim(operator)) return evaluateTrim(node, grid, evaluation);
  const scalarIsLeft = resultTypeOf(left) === "scalar";
  if (scalarIsLeft || resultTypeOf(right) === "scalar") {
    const scalar = await evaluation.scalar(scalarIsLeft ? left : right, grid);
    const block = await evaluation.vector(scalarIsLeft ? right : left, grid);
    const combined = await combineWithScalar(node, block, scalar, scalarIsLeft, evaluation.pacer);
    const keepsName = isComparison(operator) && !node.returnsBool;
    return keepsName ? combined : dropNames(combined, evaluation);
  }
  const leftBlock = await evaluation.vector(left, grid);
  const rightBlock = await evaluation.vector(right, grid);
  if (isSetOperator(operator)) {
    evaluation.budget.take(leftBlock.values.length + rightBlock.values.length);
    return combineSets(operator, leftBlock, rightBlock, node.matching, evaluation.pacer);
  }
  return combineVectors(node, leftBlock, rightBlock, evaluation);
}

/** A trim operator has no result for floats. It adds an info when both sides have samples. */
async function evaluateTrim(
  node: BinaryOperation,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  for (const side of [node.left, node.right]) {
    if (resultTypeOf(side) === "scalar") continue;
    if (!(await evaluation.vector(side, grid)).present.includes(1)) return emptyBlock(grid.count);
  }
  evaluation.annotations.incompatibleTypes(node.operator, node.range);
  return emptyBlock(grid.count);
}

async function evaluateScalar(
  expression: Expression,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<Float64Array> {
  switch (expression.kind) {
    case "number":
      return new Float64Array(grid.count).fill(expression.value);
    case "parenthesized":
      return evaluateScalar(withoutParentheses(expression), grid, evaluation);
    case "unary": {
      const operand = await evaluateScalar(expression.operand, grid, evaluation);
      if (evaluation.pacer.isDue(grid.count)) await evaluation.pacer.pause();
      return expression.operator === "-" ? operand.map((value) => -value) : operand;
    }
    case "binary": {
      const left = await evaluateScalar(expression.left, grid, evaluation);
      const right = await evaluateScalar(expression.right, grid, evaluation);
      if (evaluation.pacer.isDue(2 * grid.count)) await evaluation.pacer.pause();
      return combineScalars(expression, left, right);
    }
    case "call":
      return callScalarFunction(expression, grid, evaluation);
    case "string":
    case "vector_selector":
    case "matrix_selector":
    case "subquery":
    case "aggregation":
      throw new TypeError(
        `Cannot evaluate ${expression.kind} as a scalar: type checking lets none through`,
      );
  }
}

async function callScalarFunction(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<Float64Array> {
  const constant = (value: number): Float64Array => new Float64Array(grid.count).fill(value);
  const { name } = call.signature;
  switch (name) {
    case "pi":
      return constant(Math.PI);
    case "time":
      return timesOf(grid).map((timeMs) => timeMs / 1000);
    case "start":
    case "end":
    case "step":
    case "range":
      return constant(querySeconds(evaluation.query)[name]);
    case "min_of":
    case "max_of": {
      const extreme = name === "min_of" ? Math.min : Math.max;
      const left = await evaluation.scalar(itemAt(call.arguments, 0), grid);
      const right = await evaluation.scalar(itemAt(call.arguments, 1), grid);
      return left.map((value, step) => extreme(value, right[step] as number));
    }
    default:
      return singleValues(
        await evaluation.vector(itemAt(call.arguments, 0), grid),
        evaluation.pacer,
      );
  }
}

/**
 * `scalar()`: the value of the single series at each step, NaN when there is none or more than one.
 */
async function singleValues(
  { steps, labels, values, present }: VectorBlock,
  pacer: Pacer,
): Promise<Float64Array> {
  const result = new Float64Array(steps).fill(NaN);
  const counts = new Float64Array(steps);
  for (let row = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; step++) {
      if (present[row * steps + step] === 0) continue;
      counts[step] = (counts[step] as number) + 1;
      result[step] = counts[step] === 1 ? (values[row * steps + step] as number) : NaN;
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return result;
}

function evaluateRanges(
  expression: Expression,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<RangeSelection> {
  const inner = withoutParentheses(expression);
  if (inner.kind === "matrix_selector") return selectRanges(inner, grid, evaluation);
  if (inner.kind === "subquery") return selectSubquery(inner, grid, evaluation);
  throw new TypeError(
    `Cannot evaluate ${inner.kind} as a range vector: type checking lets none through`,
  );
}
