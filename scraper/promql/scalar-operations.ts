import type { BinaryOperation } from "./ast.js";
import { ARITHMETIC, COMPARISON } from "./operators.js";
import { isComparison, isSetOperator } from "./tokens.js";
import type { VectorBlock } from "./vector-block.js";

/** Combines two scalars at every step; a comparison gives 1 or 0. */
export function combineScalars({ operator }: BinaryOperation, left: Float64Array, right: Float64Array): Float64Array {
  if (isSetOperator(operator)) return left;
  if (isComparison(operator)) {
    const holds = COMPARISON[operator];
    return left.map((value, step) => (holds(value, right[step] as number) ? 1 : 0));
  }
  const calculate = ARITHMETIC[operator];
  return left.map((value, step) => calculate(value, right[step] as number));
}

/** Combines every sample of a vector with the scalar of its step. A comparison filters, unless `bool` is given. */
export function combineWithScalar(
  { operator, returnsBool }: BinaryOperation,
  block: VectorBlock,
  scalar: Float64Array,
  scalarIsLeft: boolean,
): VectorBlock {
  if (isSetOperator(operator)) return block;
  const { steps } = block;
  if (!isComparison(operator)) {
    const calculate = ARITHMETIC[operator];
    const values = block.values.map((value, cell) => {
      const other = scalar[cell % steps] as number;
      return scalarIsLeft ? calculate(other, value) : calculate(value, other);
    });
    return { ...block, values };
  }
  const holds = COMPARISON[operator];
  const outcomes = new Uint8Array(block.values.length);
  for (let cell = 0; cell < outcomes.length; cell++) {
    const value = block.values[cell] as number;
    const other = scalar[cell % steps] as number;
    outcomes[cell] = (scalarIsLeft ? holds(other, value) : holds(value, other)) ? 1 : 0;
  }
  if (returnsBool) return { ...block, values: Float64Array.from(outcomes) };
  return { ...block, present: outcomes.map((outcome, cell) => outcome & (block.present[cell] as number)) };
}
