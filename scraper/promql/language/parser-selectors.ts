import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import {
  createLabelMatcher,
  type LabelMatcher,
  type MatchOperator,
} from "../../storage/model/label-matcher.js";
import type { VectorSelector } from "./ast.js";
import type { TokenStream } from "./token-stream.js";
import type { Token } from "./tokens.js";

const MATCH_OPERATORS: readonly string[] = ["=", "!=", "=~", "!~"];

/** Reads a selector, its metric name having been read if it has one in front of the braces. */
export function readSelector(tokens: TokenStream, word: Token | undefined): VectorSelector {
  const hasBraces = tokens.nextIs("{");
  const open = hasBraces ? tokens.take() : undefined;
  const matchers: LabelMatcher[] = [];
  const end = hasBraces ? readMatchers(tokens, matchers) : (word as Token).end;
  if (word !== undefined) matchers.push(createLabelMatcher(METRIC_NAME, "=", word.text));
  const start = (word ?? open)?.start ?? 0;
  return { kind: "vector_selector", name: word?.text ?? "", matchers, range: { start, end } };
}

/** @returns the end of the closing brace */
function readMatchers(tokens: TokenStream, matchers: LabelMatcher[]): number {
  for (;;) {
    const close = tokens.takeIf("}");
    if (close !== undefined) return close.end;
    matchers.push(readMatcher(tokens));
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
  const operator = tokens.peek();
  if (operator.kind === "string" || !MATCH_OPERATORS.includes(operator.value)) {
    if (name.kind === "string") return createLabelMatcher(METRIC_NAME, "=", name.value);
    throw tokens.unexpected("label matching", "label matching operator");
  }
  tokens.take();
  const value = tokens.peek();
  if (value.kind !== "string") throw tokens.unexpected("label matching", "string");
  tokens.take();
  try {
    return createLabelMatcher(name.value, operator.value as MatchOperator, value.value);
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    // The flag is ours, the rest of the message quotes what was written.
    throw tokens.error(name, messageOf(error.cause).replace("`(?s)", "`"));
  }
}
