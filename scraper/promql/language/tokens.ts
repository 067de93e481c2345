export type TokenKind =
  | "end"
  | "identifier"
  | "metric_identifier"
  | "string"
  | "number"
  | "duration"
  | "punctuation"
  | "operator"
  | "aggregator"
  | "keyword"
  /** The words start, end, step and range: functions in some places, keywords in others. */
  | "query_value";

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  /** Reserved words in lower case, strings without quotes and escapes, other tokens as written. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export const COMPARISON_OPERATORS = ["==", "!=", ">", "<", ">=", "<="] as const;
export const SET_OPERATORS = ["and", "or", "unless"] as const;
export const ARITHMETIC_OPERATORS = ["+", "-", "*", "/", "%", "^", "atan2"] as const;
/**
 * Operators that trim native histograms. Only floats are stored here, so they never have a result.
 */
export const TRIM_OPERATORS = ["</", ">/"] as const;
const BINARY_OPERATORS = [
  ...COMPARISON_OPERATORS,
  ...SET_OPERATORS,
  ...ARITHMETIC_OPERATORS,
  ...TRIM_OPERATORS,
] as const;
export type ComparisonOperator = (typeof COMPARISON_OPERATORS)[number];
export type SetOperator = (typeof SET_OPERATORS)[number];
export type ArithmeticOperator = (typeof ARITHMETIC_OPERATORS)[number];
export type TrimOperator = (typeof TRIM_OPERATORS)[number];
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

/** A type guard for a list of words. */
function oneOf<Word extends string>(words: readonly Word[]): (word: string) => word is Word {
  const known: ReadonlySet<string> = new Set(words);
  return (word): word is Word => known.has(word);
}

export const isComparison = oneOf(COMPARISON_OPERATORS);
export const isSetOperator = oneOf(SET_OPERATORS);
export const isArithmetic = oneOf(ARITHMETIC_OPERATORS);
export const isTrim = oneOf(TRIM_OPERATORS);

/** The binary operator that a token stands for, if it is one. */
export function binaryOperatorOf({ kind, value }: Token): BinaryOperator | undefined {
  return kind === "operator" ? BINARY_OPERATORS.find((operator) => operator === value) : undefined;
}

export const AGGREGATION_OPERATORS = [
  "sum",
  "avg",
  "count",
  "min",
  "max",
  "group",
  "stddev",
  "stdvar",
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
] as const;
export type AggregationOperator = (typeof AGGREGATION_OPERATORS)[number];

const AGGREGATIONS_WITH_PARAMETER: readonly string[] = [
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
];
export const takesParameter = (operator: AggregationOperator): boolean =>
  AGGREGATIONS_WITH_PARAMETER.includes(operator);
export const isExperimentalAggregation = (operator: AggregationOperator): boolean =>
  operator === "limitk" || operator === "limit_ratio";

const WORDS: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...[...SET_OPERATORS, "atan2"].map((word) => [word, "operator"] as const),
  ...AGGREGATION_OPERATORS.map((word) => [word, "aggregator"] as const),
  ...[
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "fill",
    "fill_left",
    "fill_right",
    "anchored",
    "smoothed",
  ].map((word) => [word, "keyword"] as const),
  ...["start", "end", "step", "range"].map((word) => [word, "query_value"] as const),
  ["inf", "number"],
  ["nan", "number"],
]);

/** The kind of a word outside braces. Reserved words may be written in upper or lower case. */
export function kindOfWord(word: string): TokenKind {
  return WORDS.get(word.toLowerCase()) ?? (word.includes(":") ? "metric_identifier" : "identifier");
}
