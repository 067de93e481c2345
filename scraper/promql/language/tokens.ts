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
  /** Words that are keywords in some places and functions in others: start, end, step, range. */
  | "query_value";

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  /** Words in lower case, strings without their quotes and escapes, everything else as written. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export const COMPARISON_OPERATORS = ["==", "!=", ">", "<", ">=", "<="] as const;
export const SET_OPERATORS = ["and", "or", "unless"] as const;
export const ARITHMETIC_OPERATORS = ["+", "-", "*", "/", "%", "^", "atan2"] as const;
/** They cut native histograms off, and mean nothing between the floats that are stored here. */
export const TRIM_OPERATORS = ["</", ">/"] as const;
export type ComparisonOperator = (typeof COMPARISON_OPERATORS)[number];
export type SetOperator = (typeof SET_OPERATORS)[number];
export type ArithmeticOperator = (typeof ARITHMETIC_OPERATORS)[number];
export type TrimOperator = (typeof TRIM_OPERATORS)[number];
export type BinaryOperator = ComparisonOperator | SetOperator | ArithmeticOperator | TrimOperator;

export const isComparison = (operator: string): operator is ComparisonOperator =>
  (COMPARISON_OPERATORS as readonly string[]).includes(operator);
export const isTrim = (operator: string): operator is TrimOperator =>
  (TRIM_OPERATORS as readonly string[]).includes(operator);
export const isSetOperator = (operator: string): operator is SetOperator =>
  (SET_OPERATORS as readonly string[]).includes(operator);

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

/** What a word outside braces is; the case of its letters does not matter for reserved ones. */
export function kindOfWord(word: string): TokenKind {
  return WORDS.get(word.toLowerCase()) ?? (word.includes(":") ? "metric_identifier" : "identifier");
}
