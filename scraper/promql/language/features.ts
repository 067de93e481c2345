/** Parts of the language that are off unless named, by the names Prometheus gives them in `--enable-feature`. */
export const QUERY_FEATURES = [
  "promql-experimental-functions",
  "promql-extended-range-selectors",
  "promql-binop-fill-modifiers",
  "promql-delayed-name-removal",
] as const;

export type QueryFeature = (typeof QUERY_FEATURES)[number];
export type QueryFeatures = ReadonlySet<QueryFeature>;

export const NO_FEATURES: QueryFeatures = new Set();
export const ALL_FEATURES: QueryFeatures = new Set(QUERY_FEATURES);

/** Features of earlier versions that are part of the language by now: naming them changes nothing. */
export const SETTLED_FEATURES: readonly string[] = [
  "promql-at-modifier",
  "promql-negative-offset",
  "promql-duration-expr",
];
