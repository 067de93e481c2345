/**
 * The parser of PromQL. The text of an expression comes in, a type-checked `Expression` goes out;
 * an invalid text throws a `QueryParseError` with Prometheus' message.
 *
 * Parsing is synchronous and runs in whatever calls it: the HTTP API, the rule engine and the
 * command line. The length and the nesting of an expression are limited, so it takes little time
 * and stack. The files of this shelf named `parser-*.ts` each read one part of the grammar from a
 * `TokenStream`.
 */
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import type { BinaryOperation, Expression, VectorSelector } from "./ast.js";
import { NO_FEATURES, type QueryFeatures } from "./features.js";
import { readBinaryModifiers } from "./parser-binary-modifiers.js";
import { readAggregation, readCall } from "./parser-calls.js";
import { readNumber } from "./parser-durations.js";
import { readModifiers } from "./parser-modifiers.js";
import { readSelector } from "./parser-selectors.js";
import { QueryParseError } from "./query-errors.js";
import { TokenStream } from "./token-stream.js";
import { AGGREGATION_OPERATORS, binaryOperatorOf, type BinaryOperator } from "./tokens.js";
import { checkTypes } from "./type-check.js";

/** In UTF-16 units. */
const MAX_EXPRESSION_LENGTH = 512 * 1024;

const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  ">": 3,
  "<": 3,
  ">=": 3,
  "<=": 3,
  "</": 3,
  ">/": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  atan2: 5,
  "^": 6,
};

/** Reserved words that may also be metric names. */
const METRIC_WORDS: readonly string[] = [
  "and",
  "or",
  "unless",
  "by",
  "without",
  "offset",
  "anchored",
  "smoothed",
  "start",
  "end",
  "step",
  "range",
];

/**
 * Parses and type-checks an expression.
 *
 * @param features the parts of the language to enable that are off by default
 * @throws {QueryParseError} with Prometheus' position and message
 */
export function parseExpression(text: string, features: QueryFeatures = NO_FEATURES): Expression {
  if (text.length > MAX_EXPRESSION_LENGTH) throw tooLong(text);
  const tokens = new TokenStream(text, features);
  if (tokens.peek().kind === "end")
    throw tokens.error({ start: 0, end: 0 }, "no expression found in input");
  const expression = readExpression(tokens);
  if (tokens.peek().kind !== "end") throw tokens.unexpected();
  checkTypes(text, expression);
  return expression;
}

function tooLong({ length }: string): QueryParseError {
  const limit = `at most ${MAX_EXPRESSION_LENGTH} are allowed`;
  return new QueryParseError(`1:1: parse error: expression has ${length} characters, ${limit}`);
}

/**
 * Parses a selector without modifiers, such as the `match[]` of the HTTP API. Unlike an expression,
 * the selector may match series without any of its labels; the caller decides whether to accept it.
 *
 * @throws {QueryParseError} when the text is anything else
 */
export function parseSelector(text: string): VectorSelector {
  if (text.length > MAX_EXPRESSION_LENGTH) throw tooLong(text);
  const tokens = new TokenStream(text, NO_FEATURES);
  const first = tokens.peek();
  const isName =
    ["identifier", "metric_identifier", "aggregator", "query_value"].includes(first.kind) ||
    (["keyword", "operator"].includes(first.kind) && METRIC_WORDS.includes(first.value));
  if (!isName && !tokens.nextIs("{")) throw tokens.unexpected();
  const selector = readSelector(tokens, isName ? tokens.take() : undefined);
  if (tokens.peek().kind !== "end") throw tokens.unexpected();
  return selector;
}

function readExpression(tokens: TokenStream, minPrecedence = 1): Expression {
  return tokens.nested(1, () => {
    let left = readUnary(tokens);
    for (let operators = 1; ; operators++) {
      const operator = binaryOperatorOf(tokens.peek());
      if (operator === undefined || PRECEDENCE[operator] < minPrecedence) return left;
      const chain = left;
      left = tokens.nested(operators, () => readOperation(tokens, chain, operator));
    }
  });
}

function readOperation(
  tokens: TokenStream,
  left: Expression,
  operator: BinaryOperator,
): BinaryOperation {
  const token = tokens.take();
  const precedence = PRECEDENCE[operator];
  const modifiers = readBinaryModifiers(tokens, operator);
  const right = readExpression(tokens, operator === "^" ? precedence : precedence + 1);
  const range = { start: left.range.start, end: right.range.end };
  const { fillLeft, fillRight } = modifiers.matching;
  if (
    (fillLeft ?? fillRight) !== undefined &&
    !tokens.features.has("promql-binop-fill-modifiers")
  ) {
    throw tokens.error(range, "binop fill modifiers are experimental and not enabled");
  }
  const operatorRange = { start: token.start, end: right.range.start };
  return { kind: "binary", operator, operatorRange, left, right, range, ...modifiers };
}

/** A sign binds like a multiplication: `-2^2` is -4. */
function readUnary(tokens: TokenStream): Expression {
  const sign = tokens.takeOneOf("-", "+");
  if (sign === undefined) return readModifiers(tokens, readPrimary(tokens));
  const operand = readExpression(tokens, PRECEDENCE["^"]);
  const range = { start: sign.start, end: operand.range.end };
  const operator = sign.value;
  if (operand.kind !== "number") return { kind: "unary", operator, operand, range };
  return { ...operand, value: operator === "-" ? -operand.value : operand.value, range };
}

function readPrimary(tokens: TokenStream): Expression {
  const token = tokens.peek();
  switch (token.kind) {
    case "number":
    case "duration":
      return readNumber(tokens);
    case "string":
      tokens.take();
      return { kind: "string", value: token.value, range: token };
    case "punctuation":
      if (token.value === "(") return readParenthesized(tokens);
      if (token.value === "{") return readSelector(tokens, undefined);
      throw tokens.unexpected();
    case "aggregator":
      return readAggregatorWord(tokens);
    case "identifier":
    case "metric_identifier":
    case "query_value":
      tokens.take();
      if (token.kind !== "metric_identifier" && tokens.nextIs("("))
        return readCall(tokens, token, readExpression);
      return readSelector(tokens, token);
    case "keyword":
    case "operator":
      if (!METRIC_WORDS.includes(token.value)) throw tokens.unexpected();
      tokens.take();
      return readSelector(tokens, token);
    case "end":
      throw tokens.unexpected();
  }
}

function readParenthesized(tokens: TokenStream): Expression {
  const open = tokens.take();
  const expression = readExpression(tokens);
  const close = tokens.expect(")");
  return { kind: "parenthesized", expression, range: { start: open.start, end: close.end } };
}

const SELECTOR_MODIFIERS: readonly string[] = ["offset", "anchored", "smoothed"];

/** Reads an aggregation, or a selector if the word, such as `sum`, is a metric name. */
function readAggregatorWord(tokens: TokenStream): Expression {
  const word = present(tokens.takeOneOf(...AGGREGATION_OPERATORS), "The aggregation operator");
  const next = tokens.peek();
  if (
    next.value === "(" ||
    ((next.value === "by" || next.value === "without") && next.kind === "keyword")
  ) {
    return readAggregation(tokens, word, readExpression);
  }
  const endsOperand =
    next.kind === "end" || next.kind === "operator" || next.kind === "punctuation";
  if (!endsOperand && !SELECTOR_MODIFIERS.includes(next.value))
    throw tokens.unexpected("aggregation");
  return readSelector(tokens, word);
}
