import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { DurationExpression, DurationOperator, NumberLiteral } from "./ast.js";
import { goQuote } from "../../base/go-quote.js";
import { numberValue } from "./number-scanner.js";
import type { TokenStream } from "./token-stream.js";
import type { Token } from "./tokens.js";

/** Prometheus keeps durations as 64-bit numbers of nanoseconds. */
const MAX_DURATION_SECONDS = 2 ** 63 / 1e9;

const OPERATORS = ["+", "-", "*", "/", "%", "^"] as const satisfies readonly DurationOperator[];
const PRECEDENCE: Readonly<Record<DurationOperator, number>> = {
  "+": 1,
  "-": 1,
  "*": 2,
  "/": 2,
  "%": 2,
  "^": 3,
};

/** Reads a number, or a duration, whose value is its number of seconds. */
export function readNumber(tokens: TokenStream): NumberLiteral {
  const token = tokens.peek();
  if (token.kind !== "number" && token.kind !== "duration") throw tokens.unexpected();
  tokens.take();
  const isDuration = token.kind === "duration";
  const value = isDuration ? durationSeconds(tokens, token) : numberValue(token.text);
  if (value === undefined) {
    const detail = `strconv.ParseFloat: parsing ${goQuote(token.text)}: invalid syntax`;
    throw tokens.error(token, `error parsing number: ${detail}`);
  }
  return { kind: "number", value, isDuration, range: { start: token.start, end: token.end } };
}

function durationSeconds(tokens: TokenStream, token: Token): number {
  const seconds = tryParse(token.text);
  if (seconds === undefined)
    throw tokens.error(token, `not a valid duration string: ${goQuote(token.text)}`);
  if (seconds > MAX_DURATION_SECONDS) throw tokens.error(token, "duration out of range");
  return seconds;
}

function tryParse(text: string): number | undefined {
  try {
    return parseDurationMs(text) / 1000;
  } catch (error) {
    if (error instanceof BadInputError) return undefined;
    throw error;
  }
}

/**
 * Reads a window or a step inside brackets. A literal must be above zero; arithmetic is checked
 * when evaluated.
 */
export function readPositiveDuration(tokens: TokenStream): DurationExpression {
  const duration = readDuration(tokens, 1);
  if (duration.kind === "number") checkLiteral(tokens, duration);
  if (duration.kind === "number" && !(duration.value > 0)) {
    throw tokens.error(duration.range, "duration must be greater than 0");
  }
  return duration;
}

/**
 * Reads the duration after `offset`. Arithmetic needs parentheses there: `x offset 5m + 1` adds 1
 * to a vector.
 */
export function readOffsetDuration(tokens: TokenStream): DurationExpression {
  if (!beginsDuration(tokens))
    throw tokens.unexpected("offset", "number, duration, step(), or range()");
  const sign = tokens.takeOneOf("-", "+");
  const operand = readDurationPrimary(tokens, "offset");
  const duration = sign === undefined ? operand : applySign(sign, operand);
  if (duration.kind === "number") checkLiteral(tokens, duration);
  return duration;
}

/** True when the next token can begin a duration. */
export function beginsDuration(tokens: TokenStream): boolean {
  const { kind, value } = tokens.peek();
  if (kind === "number" || kind === "duration") return true;
  return ["+", "-", "(", "step", "range", "min_of", "max_of"].includes(value) && kind !== "string";
}

function readDuration(tokens: TokenStream, minPrecedence: number): DurationExpression {
  return tokens.nested(1, () => {
    const sign = tokens.takeOneOf("-", "+");
    let left =
      sign === undefined
        ? readDurationPrimary(tokens, "")
        : applySign(sign, readDuration(tokens, PRECEDENCE["^"]));
    for (;;) {
      const operator = OPERATORS.find((each) => tokens.nextIs(each));
      if (operator === undefined || PRECEDENCE[operator] < minPrecedence) return left;
      tokens.take();
      const precedence = PRECEDENCE[operator];
      const right = readDuration(tokens, operator === "^" ? precedence : precedence + 1);
      const range = { start: left.range.start, end: right.range.end };
      left = { kind: "duration_binary", operator, left, right, range };
    }
  });
}

function readDurationPrimary(tokens: TokenStream, context: string): DurationExpression {
  const token = tokens.peek();
  if (token.kind === "number" || token.kind === "duration") return readNumber(tokens);
  if (token.value === "(") {
    tokens.take();
    const expression = readDuration(tokens, 1);
    const close = tokens.expect(")", context);
    return {
      kind: "duration_parenthesized",
      expression,
      range: { start: token.start, end: close.end },
    };
  }
  if (token.value === "step" || token.value === "range")
    return readQueryValue(tokens, token.value, context);
  if (token.value === "min_of" || token.value === "max_of")
    return readExtreme(tokens, token.value, context);
  throw tokens.unexpected(context);
}

function readQueryValue(
  tokens: TokenStream,
  name: "step" | "range",
  context: string,
): DurationExpression {
  const { start } = tokens.take();
  tokens.expect("(", context);
  return {
    kind: "duration_query_value",
    name,
    range: { start, end: tokens.expect(")", context).end },
  };
}

function readExtreme(
  tokens: TokenStream,
  name: "min_of" | "max_of",
  context: string,
): DurationExpression {
  const { start } = tokens.take();
  tokens.expect("(", context);
  const left = readDuration(tokens, 1);
  tokens.expect(",", context);
  const right = readDuration(tokens, 1);
  return {
    kind: "duration_extreme",
    name,
    left,
    right,
    range: { start, end: tokens.expect(")", context).end },
  };
}

function applySign(
  { value: operator, start }: Token & { readonly value: "+" | "-" },
  operand: DurationExpression,
): DurationExpression {
  const range = { start, end: operand.range.end };
  if (operand.kind !== "number") return { kind: "duration_unary", operator, operand, range };
  return { ...operand, value: operator === "-" ? -operand.value : operand.value, range };
}

function checkLiteral(tokens: TokenStream, { value, range }: NumberLiteral): void {
  if (!(Math.abs(value) <= MAX_DURATION_SECONDS))
    throw tokens.error(range, "duration out of range");
}
