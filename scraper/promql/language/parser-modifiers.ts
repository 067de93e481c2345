import type {
  AtModifier,
  DurationExpression,
  Expression,
  RangeExtension,
  TimeModifiers,
} from "./ast.js";
import {
  beginsDuration,
  readNumber,
  readOffsetDuration,
  readPositiveDuration,
} from "./parser-durations.js";
import type { TokenStream } from "./token-stream.js";
import type { Token } from "./tokens.js";

const MAX_TIMESTAMP = 2 ** 63;

/**
 * Reads the modifiers after an operand, in any order and number: `[5m]`, `[5m:1m]`, `offset 5m`, `@
 * 1000`.
 */
export function readModifiers(tokens: TokenStream, operand: Expression): Expression {
  let expression = operand;
  for (let brackets = 0; ;) {
    const token = tokens.peek();
    if (token.value === "[" && token.kind === "punctuation") {
      const inner = expression;
      expression = tokens.nested(++brackets, () => readBrackets(tokens, inner));
    } else if (token.value === "offset" && token.kind === "keyword")
      expression = readOffset(tokens, expression);
    else if (token.value === "@" && token.kind === "operator")
      expression = readAt(tokens, expression);
    else if (
      (token.value === "anchored" || token.value === "smoothed") &&
      token.kind === "keyword"
    ) {
      expression = readExtension(tokens, expression, token.value);
    } else return expression;
  }
}

function readBrackets(tokens: TokenStream, expression: Expression): Expression {
  const open = tokens.take();
  if (!beginsDuration(tokens)) {
    throw tokens.unexpected("subquery or range selector", "number, duration, step(), or range()");
  }
  const window = readPositiveDuration(tokens);
  if (tokens.takeIf(":") !== undefined) return readSubquery(tokens, expression, window);
  const close = tokens.expect("]", "subquery or range", '":" or "]"');
  if (expression.kind !== "vector_selector")
    throw tokens.error(open, "ranges only allowed for vector selectors");
  if (expression.offset !== undefined)
    throw tokens.error(open, "no offset modifiers allowed before range");
  if (expression.at !== undefined) throw tokens.error(open, "no @ modifiers allowed before range");
  const range = { start: expression.range.start, end: close.end };
  return { kind: "matrix_selector", selector: expression, window, range };
}

function readSubquery(
  tokens: TokenStream,
  expression: Expression,
  window: DurationExpression,
): Expression {
  const at = (close: Token) => ({ start: expression.range.start, end: close.end });
  const immediateEnd = tokens.takeIf("]");
  if (immediateEnd !== undefined)
    return { kind: "subquery", expression, window, range: at(immediateEnd) };
  if (!beginsDuration(tokens)) {
    throw tokens.unexpected("subquery selector", 'number, duration, step(), range(), or "]"');
  }
  const step = readPositiveDuration(tokens);
  const close = tokens.expect("]", "subquery selector", '"]"');
  return { kind: "subquery", expression, window, step, range: at(close) };
}

function readOffset(tokens: TokenStream, expression: Expression): Expression {
  tokens.take();
  const offset = readOffsetDuration(tokens);
  const present = timeModifiersOf(expression);
  if (present === undefined) {
    throw tokens.error(
      expression.range,
      "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
  }
  if (present.offset !== undefined)
    throw tokens.error(expression.range, "offset may not be set multiple times");
  const isZero = offset.kind === "number" && offset.value === 0;
  return withTimeModifiers(expression, isZero ? {} : { offset }, offset.range.end);
}

function readAt(tokens: TokenStream, expression: Expression): Expression {
  tokens.take();
  const { at, end } = readTimestamp(tokens);
  if (typeof at === "number" && !(Math.abs(at) < MAX_TIMESTAMP)) {
    throw tokens.error(
      expression.range,
      `timestamp out of bounds for @ modifier: ${formatSeconds(at)}`,
    );
  }
  const present = timeModifiersOf(expression);
  if (present === undefined) {
    throw tokens.error(
      expression.range,
      "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
  }
  if (present.at !== undefined)
    throw tokens.error(expression.range, "@ <timestamp> may not be set multiple times");
  const fixedTime = typeof at === "number" ? Math.round(at * 1000) : at;
  return withTimeModifiers(expression, { at: fixedTime }, end);
}

/**
 * Reads `anchored` or `smoothed`. As in Prometheus, the source range of the selector does not
 * include it.
 */
function readExtension(
  tokens: TokenStream,
  expression: Expression,
  extension: RangeExtension,
): Expression {
  tokens.take();
  const { range } = expression;
  if (!tokens.features.has("promql-extended-range-selectors")) {
    throw tokens.error(range, `${extension} modifier is experimental and not enabled`);
  }
  if (expression.kind === "subquery") {
    throw tokens.error(range, `${extension} modifier is not supported for subqueries`);
  }
  const selector = expression.kind === "matrix_selector" ? expression.selector : expression;
  if (selector.kind !== "vector_selector")
    throw tokens.error(range, `${extension} modifier not implemented`);
  if ((selector.extension ?? extension) !== extension) {
    throw tokens.error(range, "anchored and smoothed modifiers cannot be used together");
  }
  const extended = { ...selector, extension };
  return expression.kind === "matrix_selector" ? { ...expression, selector: extended } : extended;
}

/** @returns a number in seconds, as written, unlike the `at` of an expression */
function readTimestamp(tokens: TokenStream): { at: AtModifier; end: number } {
  const word = tokens.takeOneOf("start", "end");
  if (word !== undefined) {
    tokens.expect("(", "@", "timestamp");
    return { at: word.value, end: tokens.expect(")", "@", "timestamp").end };
  }
  const sign = tokens.takeOneOf("-", "+");
  const { kind } = tokens.peek();
  if (kind !== "number" && kind !== "duration") throw tokens.unexpected("@", "timestamp");
  const { value, range } = readNumber(tokens);
  return { at: sign?.value === "-" ? -value : value, end: range.end };
}

function formatSeconds(seconds: number): string {
  if (Number.isNaN(seconds)) return "NaN";
  if (!Number.isFinite(seconds)) return seconds > 0 ? "+Inf" : "-Inf";
  return `${BigInt(seconds)}.000000`;
}

function timeModifiersOf(expression: Expression): TimeModifiers | undefined {
  if (expression.kind === "matrix_selector") return expression.selector;
  return expression.kind === "vector_selector" || expression.kind === "subquery"
    ? expression
    : undefined;
}

function withTimeModifiers(
  expression: Expression,
  modifiers: TimeModifiers,
  end: number,
): Expression {
  const range = { start: expression.range.start, end };
  if (expression.kind === "matrix_selector") {
    return { ...expression, selector: { ...expression.selector, ...modifiers }, range };
  }
  if (expression.kind === "vector_selector" || expression.kind === "subquery") {
    return { ...expression, ...modifiers, range };
  }
  return expression;
}
