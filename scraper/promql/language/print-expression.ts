import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import {
  METRIC_NAME,
  compareStrings,
  isLegacyLabelName,
} from "../../../exporter/shared/model/labels.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import {
  resultTypeOf,
  type Aggregation,
  type BinaryOperation,
  type DurationExpression,
  type Expression,
  type NumberLiteral,
  type TimeModifiers,
  type VectorSelector,
} from "./ast.js";
import { goQuote } from "../../base/go-quote.js";

/** Prints an expression on one line, as Prometheus does. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "number":
      return printNumber(expression);
    case "string":
      return goQuote(expression.value);
    case "vector_selector":
      return (
        printSelector(expression) + printTimeModifiers(expression) + printExtension(expression)
      );
    case "matrix_selector": {
      const { selector, window } = expression;
      return `${printSelector(selector)}[${printDuration(window)}]${printExtension(selector)}${printTimeModifiers(selector)}`;
    }
    case "subquery":
      return printExpression(expression.expression) + printSubquerySuffix(expression);
    case "call":
      return `${expression.signature.name}(${expression.arguments.map(printExpression).join(", ")})`;
    case "aggregation": {
      const { parameter } = expression;
      const first = parameter === undefined ? "" : `${printExpression(parameter)}, `;
      return `${printAggregationHead(expression)}(${first}${printExpression(expression.expression)})`;
    }
    case "binary":
      return [expression.left, expression.right]
        .map(printExpression)
        .join(` ${printOperator(expression)} `);
    case "unary":
      return expression.operator + printExpression(expression.operand);
    case "parenthesized":
      return `(${printExpression(expression.expression)})`;
  }
}

/** `sum by (job) `, with the space Prometheus puts before the parenthesis of the arguments. */
export function printAggregationHead({ operator, grouping, without }: Aggregation): string {
  if (!without && grouping.length === 0) return operator;
  return `${operator} ${without ? "without" : "by"} (${printLabels(grouping)}) `;
}

/** The operator with its modifiers: `> bool`, `* on (job) group_left (os)`. */
export function printOperator({
  operator,
  returnsBool,
  left,
  right,
  matching,
}: BinaryOperation): string {
  let text = returnsBool ? `${operator} bool` : operator;
  if (resultTypeOf(left) !== "vector" || resultTypeOf(right) !== "vector") return text;
  const { cardinality, on, labels, include, fillLeft, fillRight } = matching;
  const isGrouped = cardinality === "many-to-one" || cardinality === "one-to-many";
  if (labels.length > 0 || on || isGrouped)
    text += ` ${on ? "on" : "ignoring"} (${printLabels(labels)})`;
  if (isGrouped)
    text += ` ${cardinality === "many-to-one" ? "group_left" : "group_right"} (${printLabels(include)})`;
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight))
    return `${text} fill (${formatFloat(fillLeft)})`;
  if (fillLeft !== undefined) text += ` fill_left (${formatFloat(fillLeft)})`;
  return fillRight === undefined ? text : `${text} fill_right (${formatFloat(fillRight)})`;
}

/** `[5m:1m] @ 10.000 offset 1h`. */
export function printSubquerySuffix(subquery: Extract<Expression, { kind: "subquery" }>): string {
  const { window, step } = subquery;
  const resolution = step === undefined ? "" : printDuration(step);
  return `[${printDuration(window)}:${resolution}]${printTimeModifiers(subquery)}`;
}

const printExtension = ({ extension }: VectorSelector): string =>
  extension === undefined ? "" : ` ${extension}`;

const printLabels = (labels: readonly string[]): string => labels.map(printLabelName).join(", ");
const printLabelName = (name: string): string => (isLegacyLabelName(name) ? name : goQuote(name));

function printNumber({ value, isDuration }: NumberLiteral): string {
  return isDuration ? formatDurationMs(value * 1000) : formatFloat(value);
}

function printSelector({ name, matchers }: VectorSelector): string {
  const isName = (matcher: LabelMatcher): boolean =>
    name !== "" &&
    matcher.name === METRIC_NAME &&
    matcher.operator === "=" &&
    matcher.value === name;
  const others = matchers
    .filter((matcher) => !isName(matcher))
    .map(printMatcher)
    .sort(compareStrings);
  return others.length === 0 ? name || "{}" : `${name}{${others.join(",")}}`;
}

const printMatcher = ({ name, operator, value }: LabelMatcher): string =>
  printLabelName(name) + operator + goQuote(value);

export function printTimeModifiers({ at, offset }: TimeModifiers): string {
  const pin =
    at === undefined ? "" : ` @ ${typeof at === "number" ? (at / 1000).toFixed(3) : `${at}()`}`;
  if (offset === undefined) return pin;
  const isLiteral = offset.kind === "number";
  return `${pin} offset ${isLiteral ? formatDurationMs(Math.round(offset.value * 1000)) : printDuration(offset)}`;
}

/** Prints a literal as a duration, even when it was written as a number of seconds. */
function printDuration(duration: DurationExpression): string {
  switch (duration.kind) {
    case "number":
      return formatDurationMs(Math.round(duration.value * 1000));
    case "duration_query_value":
      return `${duration.name}()`;
    case "duration_extreme":
      return `${duration.name}(${printOperand(duration.left)}, ${printOperand(duration.right)})`;
    case "duration_unary":
      return (duration.operator === "-" ? "-" : "") + printOperand(duration.operand);
    case "duration_binary":
      return `${printOperand(duration.left)} ${duration.operator} ${printOperand(duration.right)}`;
    case "duration_parenthesized":
      return `(${printOperand(duration.expression)})`;
  }
}

/** Prints an operand of duration arithmetic, where a plain number stays a number. */
function printOperand(duration: DurationExpression): string {
  return duration.kind === "number" ? printNumber(duration) : printDuration(duration);
}
