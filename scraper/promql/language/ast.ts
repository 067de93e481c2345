import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import type { FunctionSignature } from "./function-signatures.js";
import type { AggregationOperator, BinaryOperator } from "./tokens.js";
import type { ValueType } from "./value-type.js";

/** Offsets into the text of the expression, in UTF-16 units; `end` is out. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** A parsed expression; immutable, so that one can be kept and evaluated many times. */
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
  /** Written as `5m`, which is the number of seconds. */
  readonly isDuration: boolean;
}

export interface StringLiteral extends Positioned {
  readonly kind: "string";
  readonly value: string;
}

/** Where `@` pins an evaluation: milliseconds since the Unix epoch, or an end of the query's range. */
export type AtModifier = number | "start" | "end";

export interface TimeModifiers {
  readonly offset?: DurationExpression;
  readonly at?: AtModifier;
}

/** How samples beyond the edges of a window count: `anchored` looks back, `smoothed` interpolates on both sides. */
export type RangeExtension = "anchored" | "smoothed";

export interface VectorSelector extends Positioned, TimeModifiers {
  readonly kind: "vector_selector";
  /** Written before or instead of the braces; empty otherwise. A matcher for it is the last of `matchers`. */
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
  /** Undefined: the default resolution of the engine. */
  readonly step?: DurationExpression;
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

/** How series of two vectors find each other. */
export interface VectorMatching {
  readonly cardinality: Cardinality;
  readonly on: boolean;
  /** Labels of `on(…)` or `ignoring(…)`. */
  readonly labels: readonly string[];
  /** Labels of `group_left(…)` or `group_right(…)`, copied from the one side. */
  readonly include: readonly string[];
  /** Values of series missing on a side. */
  readonly fillLeft?: number;
  readonly fillRight?: number;
}

export interface BinaryOperation extends Positioned {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  /** Of the operator itself with its modifiers, without surrounding space. */
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

/** A length of time in brackets or after `offset`; arithmetic in it is an experimental feature. */
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

/** What evaluating an expression gives; known without evaluating it. */
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
