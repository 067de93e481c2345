import { QueryExecutionError } from "../language/query-errors.js";
import {
  isArithmetic,
  type ArithmeticOperator,
  type BinaryOperator,
  type ComparisonOperator,
} from "../language/tokens.js";

export type Arithmetic = (left: number, right: number) => number;
export type Comparison = (left: number, right: number) => boolean;

const ARITHMETIC: Readonly<Record<ArithmeticOperator, Arithmetic>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
  "^": power,
  atan2: Math.atan2,
};

export const COMPARISON: Readonly<Record<ComparisonOperator, Comparison>> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  ">": (left, right) => left > right,
  "<": (left, right) => left < right,
  ">=": (left, right) => left >= right,
  "<=": (left, right) => left <= right,
};

/** @throws {QueryExecutionError} when the operator is not arithmetic */
export function arithmeticOf(operator: BinaryOperator): Arithmetic {
  if (isArithmetic(operator)) return ARITHMETIC[operator];
  throw new QueryExecutionError(
    `operator ${JSON.stringify(operator)} not allowed for Scalar operations`,
  );
}

/**
 * Go's math.Pow, which unlike JavaScript's gives 1 for 1 to the power of NaN and for -1 to an
 * infinite power.
 */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}
