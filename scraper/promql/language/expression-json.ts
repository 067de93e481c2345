import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import {
  resultTypeOf,
  type AtModifier,
  type BinaryOperation,
  type DurationExpression,
  type Expression,
  type FunctionSignature,
  type TimeModifiers,
  type VectorSelector,
} from "./ast.js";

/** The data of a reply of `/api/v1/parse_query`, ready for JSON. */
export type ExpressionJson = { readonly [key: string]: unknown } | null;

/**
 * Converts an expression to the tree that Prometheus' `parse_query` returns. Durations are in
 * milliseconds.
 */
export function expressionToJson(expression: Expression): ExpressionJson {
  switch (expression.kind) {
    case "number":
      return { type: "numberLiteral", val: formatFloat(expression.value) };
    case "string":
      return { type: "stringLiteral", val: expression.value };
    case "vector_selector":
      return { type: "vectorSelector", ...selectorToJson(expression) };
    case "matrix_selector":
      return {
        type: "matrixSelector",
        range: literalMs(expression.window),
        ...selectorToJson(expression.selector),
      };
    case "subquery":
      return {
        type: "subquery",
        expr: expressionToJson(expression.expression),
        range: literalMs(expression.window),
        step: expression.step === undefined ? 0 : literalMs(expression.step),
        ...modifiersToJson(expression),
      };
    case "call":
      return {
        type: "call",
        func: functionToJson(expression.signature),
        args: expression.arguments.map(expressionToJson),
      };
    case "aggregation":
      return {
        type: "aggregation",
        op: expression.operator,
        expr: expressionToJson(expression.expression),
        param: expression.parameter === undefined ? null : expressionToJson(expression.parameter),
        grouping: expression.grouping,
        without: expression.without,
      };
    case "binary":
      return binaryToJson(expression);
    case "unary":
      return {
        type: "unaryExpr",
        op: expression.operator,
        expr: expressionToJson(expression.operand),
      };
    case "parenthesized":
      return { type: "parenExpr", expr: expressionToJson(expression.expression) };
  }
}

function functionToJson({ name, parameters, variadic, returns }: FunctionSignature) {
  return { name, argTypes: parameters, variadic, returnType: returns };
}

function binaryToJson({
  operator,
  left,
  right,
  returnsBool,
  matching,
}: BinaryOperation): ExpressionJson {
  const hasMatching = resultTypeOf(left) === "vector" && resultTypeOf(right) === "vector";
  const { cardinality, labels, on, include, fillLeft = null, fillRight = null } = matching;
  const fillValues = { lhs: fillLeft, rhs: fillRight };
  return {
    type: "binaryExpr",
    op: operator,
    lhs: expressionToJson(left),
    rhs: expressionToJson(right),
    matching: hasMatching ? { card: cardinality, labels, on, include, fillValues } : null,
    bool: returnsBool,
  };
}

function selectorToJson(selector: VectorSelector) {
  const matchers = selector.matchers.map(matcherToJson);
  const extended = {
    anchored: selector.extension === "anchored",
    smoothed: selector.extension === "smoothed",
  };
  return { name: selector.name, ...modifiersToJson(selector), matchers, ...extended };
}

const matcherToJson = ({ name, operator, value }: LabelMatcher) => ({
  name,
  value,
  type: operator,
});

function modifiersToJson({ offset, at }: TimeModifiers) {
  return {
    offset: offset === undefined ? 0 : literalMs(offset),
    timestamp: typeof at === "number" ? at : null,
    startOrEnd: endOfQuery(at),
  };
}

const endOfQuery = (at: AtModifier | undefined): "start" | "end" | null =>
  typeof at === "string" ? at : null;

/** Milliseconds of a literal; 0 for arithmetic, which has no value until a query evaluates it. */
const literalMs = (duration: DurationExpression): number =>
  duration.kind === "number" ? Math.round(duration.value * 1000) : 0;
