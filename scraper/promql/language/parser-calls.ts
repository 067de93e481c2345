import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Aggregation, Call, Expression } from "./ast.js";
import { FUNCTION_SIGNATURES, UNSUPPORTED_FUNCTIONS } from "./function-signatures.js";
import { isLabelName } from "../../../exporter/shared/model/labels.js";
import { goQuote } from "../../base/go-quote.js";
import type { TokenStream } from "./token-stream.js";
import {
  isExperimentalAggregation,
  takesParameter,
  type AggregationOperator,
  type Token,
} from "./tokens.js";

type ReadExpression = (tokens: TokenStream) => Expression;

/** Reads the arguments of a call whose name is already taken from `tokens`. */
export function readCall(tokens: TokenStream, name: Token, readExpression: ReadExpression): Call {
  const { values, end } = readArguments(tokens, readExpression);
  const functionName = name.kind === "query_value" ? name.value : name.text;
  const unsupported = UNSUPPORTED_FUNCTIONS.get(functionName);
  if (unsupported !== undefined) {
    throw tokens.error(name, `function ${goQuote(functionName)} is not supported: ${unsupported}`);
  }
  const signature = FUNCTION_SIGNATURES.get(functionName);
  if (signature === undefined)
    throw tokens.error(name, `unknown function with name ${goQuote(functionName)}`);
  if (signature.experimental && !tokens.features.has("promql-experimental-functions")) {
    throw tokens.error(name, `function ${goQuote(functionName)} is not enabled`);
  }
  return { kind: "call", signature, arguments: values, range: { start: name.start, end } };
}

type AggregationToken = Token & { readonly value: AggregationOperator };

interface Grouping {
  readonly grouping: readonly string[];
  readonly without: boolean;
}

/**
 * Reads the rest of an aggregation whose operator is already taken from `tokens`. The grouping may
 * stand before or after the arguments.
 */
export function readAggregation(
  tokens: TokenStream,
  word: AggregationToken,
  readExpression: ReadExpression,
): Aggregation {
  return tokens.inAggregation(() => {
    const before = readGrouping(tokens);
    const { values, end } = readArguments(tokens, readExpression);
    const grouping = before ?? readGrouping(tokens) ?? { grouping: [], without: false };
    const range = { start: word.start, end };
    return { kind: "aggregation", range, ...grouping, ...checkedArguments(tokens, word, values) };
  });
}

function checkedArguments(
  tokens: TokenStream,
  word: AggregationToken,
  values: readonly Expression[],
): Pick<Aggregation, "operator" | "parameter" | "expression"> {
  const operator = word.value;
  if (values.length === 0)
    throw tokens.error(word, "no arguments for aggregate expression provided");
  if (
    isExperimentalAggregation(operator) &&
    !tokens.features.has("promql-experimental-functions")
  ) {
    const remedy = "must be enabled with --enable-feature=promql-experimental-functions";
    throw tokens.error(word, `${operator}() is experimental and ${remedy}`);
  }
  const wanted = takesParameter(operator) ? 2 : 1;
  if (values.length !== wanted) {
    const counts = `expected ${wanted}, got ${values.length}`;
    throw tokens.error(
      word,
      `wrong number of arguments for aggregate expression provided, ${counts}`,
    );
  }
  const expression = itemAt(values, -1);
  return wanted === 1
    ? { operator, expression }
    : { operator, parameter: itemAt(values, 0), expression };
}

function readGrouping(tokens: TokenStream): Grouping | undefined {
  const word = tokens.takeOneOf("by", "without");
  if (word === undefined) return undefined;
  return { grouping: readGroupingLabels(tokens), without: word.value === "without" };
}

function readArguments(
  tokens: TokenStream,
  readExpression: ReadExpression,
): { values: Expression[]; end: number } {
  tokens.expect("(");
  const values: Expression[] = [];
  const immediateEnd = tokens.takeIf(")");
  if (immediateEnd !== undefined) return { values, end: immediateEnd.end };
  for (;;) {
    values.push(readExpression(tokens));
    const comma = tokens.takeIf(",");
    if (comma === undefined) return { values, end: tokens.expect(")").end };
    if (tokens.nextIs(")"))
      throw tokens.error(comma, "trailing commas not allowed in function call args");
  }
}

const LABEL_KINDS: readonly string[] = [
  "identifier",
  "metric_identifier",
  "aggregator",
  "keyword",
  "query_value",
];
const LABEL_OPERATORS: readonly string[] = ["and", "or", "unless", "atan2"];

/**
 * Reads the parenthesized label names after `by`, `without`, `on`, `ignoring`, `group_left` and
 * `group_right`.
 */
export function readGroupingLabels(tokens: TokenStream): string[] {
  tokens.expect("(", "grouping opts", '"("');
  const labels: string[] = [];
  while (tokens.takeIf(")") === undefined) {
    labels.push(readGroupingLabel(tokens));
    if (tokens.takeIf(",") === undefined && !tokens.nextIs(")")) {
      throw tokens.unexpected("grouping opts", '"," or ")"');
    }
  }
  return labels;
}

function readGroupingLabel(tokens: TokenStream): string {
  const token = tokens.peek();
  if (token.kind === "string") {
    tokens.take();
    if (!isLabelName(token.value))
      throw tokens.error(token, `invalid label name for grouping: ${goQuote(token.value)}`);
    return token.value;
  }
  if (!LABEL_KINDS.includes(token.kind) && !LABEL_OPERATORS.includes(token.value)) {
    throw tokens.unexpected("grouping opts", "label");
  }
  return tokens.take().text;
}
