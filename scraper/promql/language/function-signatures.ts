import type { FunctionSignature, ValueType } from "./ast.js";

interface SignatureGroup {
  /** Separated by spaces. */
  readonly names: string;
  readonly parameters: readonly ValueType[];
  readonly variadic?: number;
  readonly returns?: ValueType;
  readonly experimental?: true;
}

/** Functions of the current Prometheus reference. The default of `returns` is a vector. */
const GROUPS: readonly SignatureGroup[] = [
  {
    names:
      "abs ceil floor exp sqrt ln log2 log10 sgn rad deg sin cos tan asin acos atan sinh cosh tanh",
    parameters: ["vector"],
  },
  { names: "asinh acosh atanh", parameters: ["vector"] },
  { names: "absent timestamp sort sort_desc", parameters: ["vector"] },
  {
    names: "histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar",
    parameters: ["vector"],
  },
  {
    names: "days_in_month day_of_month day_of_week day_of_year hour minute month year",
    parameters: ["vector"],
    variadic: 1,
  },
  {
    names:
      "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time",
    parameters: ["matrix"],
  },
  {
    names:
      "max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time",
    parameters: ["matrix"],
  },
  {
    names: "ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time",
    parameters: ["matrix"],
    experimental: true,
  },
  { names: "first_over_time", parameters: ["matrix"] },
  { names: "mad_over_time", parameters: ["matrix"], experimental: true },
  { names: "quantile_over_time", parameters: ["scalar", "matrix"] },
  { names: "predict_linear", parameters: ["matrix", "scalar"] },
  {
    names: "double_exponential_smoothing",
    parameters: ["matrix", "scalar", "scalar"],
    experimental: true,
  },
  { names: "clamp", parameters: ["vector", "scalar", "scalar"] },
  { names: "clamp_max clamp_min", parameters: ["vector", "scalar"] },
  { names: "round", parameters: ["vector", "scalar"], variadic: 1 },
  { names: "histogram_quantile", parameters: ["scalar", "vector"] },
  { names: "histogram_fraction", parameters: ["scalar", "scalar", "vector"] },
  {
    names: "histogram_quantiles",
    parameters: ["vector", "string", "scalar", "scalar"],
    variadic: 9,
    experimental: true,
  },
  { names: "info", parameters: ["vector", "vector"], variadic: 1, experimental: true },
  { names: "label_replace", parameters: ["vector", "string", "string", "string", "string"] },
  { names: "label_join", parameters: ["vector", "string", "string", "string"], variadic: -1 },
  {
    names: "sort_by_label sort_by_label_desc",
    parameters: ["vector", "string"],
    variadic: -1,
    experimental: true,
  },
  { names: "scalar", parameters: ["vector"], returns: "scalar" },
  { names: "vector", parameters: ["scalar"] },
  { names: "pi time", parameters: [], returns: "scalar" },
  { names: "start end step range", parameters: [], returns: "scalar", experimental: true },
  {
    names: "min_of max_of",
    parameters: ["scalar", "scalar"],
    returns: "scalar",
    experimental: true,
  },
];

export const FUNCTION_SIGNATURES: ReadonlyMap<string, FunctionSignature> = new Map(
  GROUPS.flatMap(({ names, parameters, variadic = 0, returns = "vector", experimental = false }) =>
    names
      .split(" ")
      .map((name) => [name, { name, parameters, variadic, returns, experimental }] as const),
  ),
);

/** Functions of the reference that are rejected, with the reason. */
export const UNSUPPORTED_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ["start_timestamp", "start timestamps of samples are not stored"],
]);
