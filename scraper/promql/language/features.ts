/** Parts of the language that are off by default, named as in Prometheus' `--enable-feature`. */
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

/** Former features that are always on now. Their names are accepted and ignored. */
const ALWAYS_ON_FEATURES: readonly string[] = [
  "promql-at-modifier",
  "promql-negative-offset",
  "promql-duration-expr",
];

/** @param reject called with the first name that is not a feature of the query language */
export function parseQueryFeatures(
  names: readonly string[],
  reject: (name: string) => never,
): QueryFeature[] {
  const features: QueryFeature[] = [];
  for (const name of names) {
    const feature = QUERY_FEATURES.find((each) => each === name);
    if (feature !== undefined) features.push(feature);
    else if (!ALWAYS_ON_FEATURES.includes(name)) reject(name);
  }
  return features;
}

export const unknownFeature = (name: string): string =>
  `holds ${JSON.stringify(name)}, it must be of ${QUERY_FEATURES.join(", ")}`;
