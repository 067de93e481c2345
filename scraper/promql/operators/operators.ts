import { QueryExecutionError } from "../language/query-errors.js";
import type { ArithmeticOperator, BinaryOperator, ComparisonOperator } from "../language/tokens.js";

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

/** @throws {QueryExecutionError} when the operator does not calculate with floats */
export function arithmeticOf(operator: BinaryOperator): Arithmetic {
  const calculate = (ARITHMETIC as Readonly<Record<string, Arithmetic>>)[operator];
  if (calculate !== undefined) return calculate;
  throw new QueryExecutionError(
    `operator ${JSON.stringify(operator)} not allowed for Scalar operations`,
  );
}

/** As IEEE 754 and Go have it: 1 to any power is 1, also to NaN; JavaScript differs there. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}
