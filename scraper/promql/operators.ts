import type { ArithmeticOperator, ComparisonOperator } from "./tokens.js";

export type Arithmetic = (left: number, right: number) => number;
export type Comparison = (left: number, right: number) => boolean;

export const ARITHMETIC: Readonly<Record<ArithmeticOperator, Arithmetic>> = {
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

/** As IEEE 754 and Go have it: 1 to any power is 1, also to NaN; JavaScript differs there. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}
