import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import { createLabelMatcher, type LabelMatcher } from "../../storage/model/label-matcher.js";
import type { VectorSelector } from "./ast.js";
import type { TokenStream } from "./token-stream.js";
import type { Token } from "./tokens.js";

/** Far more than a query can use; reading them takes time in one turn of the event loop. */
export const MAX_SELECTOR_MATCHERS = 1000;
const MATCH_OPERATORS = ["=", "!=", "=~", "!~"] as const;

/** Reads a selector, after the metric name before its braces, if any, was taken from `tokens`. */
export function readSelector(tokens: TokenStream, name: Token | undefined): VectorSelector {
  const { start } = name ?? tokens.peek();
  const matchers: LabelMatcher[] = [];
  const isNameOnly = name !== undefined && !tokens.nextIs("{");
  const end = isNameOnly ? name.end : readMatchers(tokens, matchers);
  if (name !== undefined) matchers.push(createLabelMatcher(METRIC_NAME, "=", name.text));
  return { kind: "vector_selector", name: name?.text ?? "", matchers, range: { start, end } };
}

/** @returns the end of the closing brace */
function readMatchers(tokens: TokenStream, matchers: LabelMatcher[]): number {
  tokens.expect("{");
  for (;;) {
    const close = tokens.takeIf("}");
    if (close !== undefined) return close.end;
    const first = tokens.peek();
    matchers.push(readMatcher(tokens));
    if (matchers.length > MAX_SELECTOR_MATCHERS)
      throw tokens.error(
        first,
        `selector has too many matchers, at most ${MAX_SELECTOR_MATCHERS} are allowed`,
      );
    if (tokens.takeIf(",") === undefined && !tokens.nextIs("}")) {
      throw tokens.unexpected("label matching", '"," or "}"');
    }
  }
}

function readMatcher(tokens: TokenStream): LabelMatcher {
  const name = tokens.peek();
  if (name.kind !== "identifier" && name.kind !== "string") {
    throw tokens.unexpected("label matching", 'identifier or "}"');
  }
  tokens.take();
  const operator = tokens.takeOneOf(...MATCH_OPERATORS);
  if (operator === undefined) {
    if (name.kind === "string") return createLabelMatcher(METRIC_NAME, "=", name.value);
    throw tokens.unexpected("label matching", "label matching operator");
  }
  const value = tokens.peek();
  if (value.kind !== "string") throw tokens.unexpected("label matching", "string");
  tokens.take();
  try {
    return createLabelMatcher(name.value, operator.value, value.value);
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    // The flag (?s) is our own addition to the pattern, which the message quotes.
    throw tokens.error(name, messageOf(error.cause).replace("`(?s)", "`"));
  }
}
