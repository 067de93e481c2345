import type { BinaryOperation } from "../language/ast.js";
import { COMPARISON, arithmeticOf, type Arithmetic, type Comparison } from "./float-operators.js";
import { type Pacer, VALUES_AT_ONCE } from "../evaluation/pacer.js";
import { isComparison } from "../language/tokens.js";
import { mapCells, type VectorBlock } from "../evaluation/vector-block.js";

/** Combines two scalars at every step; a comparison gives 1 or 0. */
export function combineScalars(
  { operator }: BinaryOperation,
  left: Float64Array,
  right: Float64Array,
): Float64Array {
  const combine = isComparison(operator) ? asNumber(COMPARISON[operator]) : arithmeticOf(operator);
  const results = new Float64Array(left.length);
  for (let step = 0; step < results.length; step++)
    results[step] = combine(left[step] as number, right[step] as number);
  return results;
}

/**
 * Combines every sample of a vector with the scalar at its step. A comparison without `bool`
 * filters.
 */
export async function combineWithScalar(
  { operator, returnsBool }: BinaryOperation,
  block: VectorBlock,
  scalar: Float64Array,
  scalarIsLeft: boolean,
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps } = block;
  const combine = isComparison(operator) ? asNumber(COMPARISON[operator]) : arithmeticOf(operator);
  const values = await mapCells(block, pacer, (value, cell) => {
    const other = scalar[cell % steps] as number;
    return scalarIsLeft ? combine(other, value) : combine(value, other);
  });
  if (!isComparison(operator) || returnsBool) return { ...block, values };
  const present = new Uint8Array(block.present.length);
  for (let from = 0; from < present.length; from += VALUES_AT_ONCE) {
    const until = Math.min(present.length, from + VALUES_AT_ONCE);
    for (let cell = from; cell < until; cell++)
      present[cell] = (block.present[cell] as number) & (values[cell] as number);
    if (pacer.isDue(VALUES_AT_ONCE)) await pacer.pause();
  }
  return { ...block, present };
}

const asNumber =
  (holds: Comparison): Arithmetic =>
  (left, right) =>
    holds(left, right) ? 1 : 0;
