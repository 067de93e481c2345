export type ValueType = "scalar" | "vector" | "matrix" | "string";

/** How messages call the types. */
export const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  scalar: "scalar",
  string: "string",
  vector: "instant vector",
  matrix: "range vector",
};
