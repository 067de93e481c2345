import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import type { AggregationOperator, BinaryOperator } from "./tokens.js";

/** Offsets into the text of the expression, in UTF-16 units; `end` is exclusive. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

export type ValueType = "scalar" | "vector" | "matrix" | "string";

/** The names of the types in messages. */
export const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  scalar: "scalar",
  string: "string",
  vector: "instant vector",
  matrix: "range vector",
};

/** A parsed expression. It is immutable, so it can be cached and evaluated many times. */
export type Expression =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregation
  | BinaryOperation
  | UnaryOperation
  | Parenthesized;

interface Positioned {
  readonly range: SourceRange;
}

export interface NumberLiteral extends Positioned {
  readonly kind: "number";
  readonly value: number;
  /** Written as a duration such as `5m`; `value` is then in seconds. */
  readonly isDuration: boolean;
}

export interface StringLiteral extends Positioned {
  readonly kind: "string";
  readonly value: string;
}

/** The time that `@` fixes: milliseconds since the Unix epoch, or the start or end of the query. */
export type AtModifier = number | "start" | "end";

export interface TimeModifiers {
  readonly offset?: DurationExpression;
  readonly at?: AtModifier;
}

/**
 * How a window uses samples beyond its edges: `anchored` also takes the last sample before its
 * start, `smoothed` interpolates at both of its edges.
 */
export type RangeExtension = "anchored" | "smoothed";

export interface VectorSelector extends Positioned, TimeModifiers {
  readonly kind: "vector_selector";
  /**
   * The metric name written outside the braces, else empty. Its matcher is the last of `matchers`.
   */
  readonly name: string;
  readonly matchers: readonly LabelMatcher[];
  readonly extension?: RangeExtension;
}

export interface MatrixSelector extends Positioned {
  readonly kind: "matrix_selector";
  readonly selector: VectorSelector;
  readonly window: DurationExpression;
}

export interface Subquery extends Positioned, TimeModifiers {
  readonly kind: "subquery";
  readonly expression: Expression;
  readonly window: DurationExpression;
  /** Without a step the engine uses its default resolution. */
  readonly step?: DurationExpression;
}

export interface FunctionSignature {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  /**
   * How many arguments the last parameter takes: 0 means exactly one, n means 0 to n, and -1 means
   * any number, including none.
   */
  readonly variadic: number;
  readonly returns: ValueType;
  /** Available only with the feature promql-experimental-functions. */
  readonly experimental: boolean;
}

export interface Call extends Positioned {
  readonly kind: "call";
  readonly signature: FunctionSignature;
  readonly arguments: readonly Expression[];
}

export interface Aggregation extends Positioned {
  readonly kind: "aggregation";
  readonly operator: AggregationOperator;
  readonly parameter?: Expression;
  readonly expression: Expression;
  readonly grouping: readonly string[];
  readonly without: boolean;
}

export type Cardinality = "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";

/** Which series of two vectors an operator combines. */
export interface VectorMatching {
  readonly cardinality: Cardinality;
  /** True for `on(…)`, false for `ignoring(…)` and without either. */
  readonly on: boolean;
  /** Labels of `on(…)` or `ignoring(…)`. */
  readonly labels: readonly string[];
  /** Labels of `group_left(…)` or `group_right(…)`, copied from the "one" side. */
  readonly include: readonly string[];
  /** The value used where a side has no matching series. */
  readonly fillLeft?: number;
  readonly fillRight?: number;
}

export interface BinaryOperation extends Positioned {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  /** From the operator to the start of the right operand, so it includes the modifiers. */
  readonly operatorRange: SourceRange;
  readonly left: Expression;
  readonly right: Expression;
  readonly returnsBool: boolean;
  readonly matching: VectorMatching;
}

export interface UnaryOperation extends Positioned {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly operand: Expression;
}

export interface Parenthesized extends Positioned {
  readonly kind: "parenthesized";
  readonly expression: Expression;
}

export type DurationOperator = "+" | "-" | "*" | "/" | "%" | "^";

/** A length of time, in brackets or after `offset`, with arithmetic. */
export type DurationExpression =
  | NumberLiteral
  | (Positioned & { readonly kind: "duration_query_value"; readonly name: "step" | "range" })
  | (Positioned & {
      readonly kind: "duration_extreme";
      readonly name: "min_of" | "max_of";
      readonly left: DurationExpression;
      readonly right: DurationExpression;
    })
  | (Positioned & {
      readonly kind: "duration_unary";
      readonly operator: "+" | "-";
      readonly operand: DurationExpression;
    })
  | (Positioned & {
      readonly kind: "duration_binary";
      readonly operator: DurationOperator;
      readonly left: DurationExpression;
      readonly right: DurationExpression;
    })
  | (Positioned & {
      readonly kind: "duration_parenthesized";
      readonly expression: DurationExpression;
    });

/** The type of the values that an expression gives. */
export function resultTypeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "vector_selector":
    case "aggregation":
      return "vector";
    case "matrix_selector":
    case "subquery":
      return "matrix";
    case "call":
      return expression.signature.returns;
    case "unary":
      return resultTypeOf(expression.operand);
    case "parenthesized":
      return resultTypeOf(expression.expression);
    case "binary":
      return resultTypeOf(expression.left) === "scalar" &&
        resultTypeOf(expression.right) === "scalar"
        ? "scalar"
        : "vector";
  }
}

export function withoutParentheses(expression: Expression): Expression {
  let inner = expression;
  while (inner.kind === "parenthesized") inner = inner.expression;
  return inner;
}

/** The text of an argument of type string; strings are always literals. */
export function stringValueOf(expression: Expression): string {
  const inner = withoutParentheses(expression);
  return inner.kind === "string" ? inner.value : "";
}

/** The first argument of a type that the signature of the function requires. */
export function argumentOfType({ signature, arguments: given }: Call, type: ValueType): Expression {
  const found = given.find((argument) => resultTypeOf(argument) === type);
  return present(found, `The ${type} argument of ${signature.name}()`);
}
