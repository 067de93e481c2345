import type { Expression } from "./ast.js";
import {
  printAggregationHead,
  printExpression,
  printOperator,
  printSubquerySuffix,
} from "./print-expression.js";

/** Longer parts are split into several lines. */
const MAX_LINE_LENGTH = 100;
const INDENT = "  ";

/** Formats an expression with line breaks and indentation, as Prometheus' `format_query` does. */
export function formatExpression(expression: Expression): string {
  return layOut(expression, 0);
}

function layOut(expression: Expression, level: number): string {
  const indent = INDENT.repeat(level);
  const line = printExpression(expression);
  if (line.length <= MAX_LINE_LENGTH) return indent + line;
  switch (expression.kind) {
    case "number":
    case "string":
    case "vector_selector":
    case "matrix_selector":
      return indent + line;
    case "aggregation": {
      const { parameter } = expression;
      const first = parameter === undefined ? "" : `${layOut(parameter, level + 1)},\n`;
      const body = first + layOut(expression.expression, level + 1);
      return `${indent}${printAggregationHead(expression)}(\n${body}\n${indent})`;
    }
    case "call": {
      const body = expression.arguments.map((argument) => layOut(argument, level + 1)).join(",\n");
      return `${indent}${expression.signature.name}(\n${body}\n${indent})`;
    }
    case "binary": {
      const left = layOut(expression.left, level + 1);
      return `${left}\n${indent}${printOperator(expression)}\n${layOut(expression.right, level + 1)}`;
    }
    case "unary":
      return indent + expression.operator + layOut(expression.operand, level).trimStart();
    case "subquery":
      return layOut(expression.expression, level) + printSubquerySuffix(expression);
    case "parenthesized":
      return `${indent}(\n${layOut(expression.expression, level + 1)}\n${indent})`;
  }
}
