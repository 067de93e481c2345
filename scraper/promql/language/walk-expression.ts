import type { Expression } from "./ast.js";

/** Calls `visit` for an expression and everything in it, outer expressions first. */
export function walkExpression(expression: Expression, visit: (part: Expression) => void): void {
  visit(expression);
  for (const part of partsOf(expression)) walkExpression(part, visit);
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "number":
    case "string":
    case "vector_selector":
      return [];
    case "matrix_selector":
      return [expression.selector];
    case "subquery":
    case "parenthesized":
      return [expression.expression];
    case "call":
      return expression.arguments;
    case "aggregation":
      return [
        expression.expression,
        ...(expression.parameter === undefined ? [] : [expression.parameter]),
      ];
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
  }
}
