import type { Call, Expression } from "../language/ast.js";

/** Functions whose result depends on the time of the step, even if their arguments do not. */
const TIME_DEPENDENT: readonly string[] = [
  "days_in_month",
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "hour",
  "minute",
  "month",
  "year",
  "predict_linear",
  "time",
  "timestamp",
  "info",
];

/**
 * True when an expression has the same result at every step, so that evaluating it once is enough.
 */
export function isStepInvariant(expression: Expression): boolean {
  switch (expression.kind) {
    case "number":
    case "string":
      return true;
    case "vector_selector":
    case "subquery":
      return expression.at !== undefined;
    case "matrix_selector":
      return expression.selector.at !== undefined;
    case "parenthesized":
      return isStepInvariant(expression.expression);
    case "unary":
      return isStepInvariant(expression.operand);
    case "binary":
      return isStepInvariant(expression.left) && isStepInvariant(expression.right);
    case "aggregation":
      return (
        isStepInvariant(expression.expression) &&
        (expression.parameter === undefined || isStepInvariant(expression.parameter))
      );
    case "call":
      return isInvariantCall(expression);
  }
}

function isInvariantCall({ signature, arguments: given }: Call): boolean {
  const isDate = signature.variadic === 1 && given.length > 0 && signature.name !== "info";
  const dependsOnTime =
    TIME_DEPENDENT.includes(signature.name) && !(isDate && signature.name !== "timestamp");
  return !dependsOnTime && given.every(isStepInvariant);
}
