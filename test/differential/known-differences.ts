/** A reason why the results of a Prometheus differ from ours. */
interface KnownDifference {
  readonly reason: string;
  /** The first version without this difference; absent when the result is undefined in every version. */
  readonly endsWith?: string;
  /** True when the reason explains this difference of this expression. */
  readonly explains: (expression: string, difference: string) => boolean;
}

const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    endsWith: "3",
    reason:
      "Go's powers lose digits with exponents as large as a Unix time; ours are exact to the last digit",
    explains: (expression, difference) =>
      /\^ \(?time\(\)/.test(expression) && /ours -?\d.*, theirs -?\d/.test(difference),
  },
  {
    endsWith: "3",
    reason:
      "sums that reach infinity in deriv, predict_linear, stddev and stdvar stay infinite; in 2.42 they become NaN",
    explains: (expression, difference) =>
      /\b(deriv|predict_linear|std(dev|var)(_over_time)?)\b/.test(expression) &&
      /ours [-+]?Inf, theirs NaN/.test(difference),
  },
  {
    endsWith: "3",
    reason: "stddev and stdvar of a single infinite or NaN value are NaN; in 2.42 they are 0",
    explains: (expression) => /\bstd(dev|var)\b/.test(expression),
  },
  {
    endsWith: "3",
    reason:
      "predict_linear over a window fixed with @ uses that window at every step; 2.42 moves the window",
    explains: (expression) => /predict_linear\(.*@/.test(expression),
  },
  {
    endsWith: "3",
    reason: "atan2 with a scalar drops the metric name; 2.42 keeps the name",
    explains: (expression) => /\batan2\b/.test(expression),
  },
  {
    endsWith: "3",
    reason:
      "rate and increase limit the extrapolation to zero after the limit to the window; 2.42 does so before",
    explains: (expression) => /\b(rate|increase)\(/.test(expression),
  },
  {
    endsWith: "3.6",
    reason:
      "ambiguous matching fails even when the comparison filters out the samples; 3.5 accepts it",
    explains: (_expression, difference) =>
      /^ours fails with execution: multiple matches.*theirs succeeds$/.test(difference),
  },
  {
    reason:
      "the last digit of exp, sinh and powers differs between Go and V8; sin, cos, tan and % of large values magnify it",
    explains: (expression) =>
      /\b(sin|cos|tan)\(.*(\b(a?cos|a?sin|a?tan|exp|sinh|cosh|deg)\(|[\^%])|(exp|sinh|cosh|\^).*%/.test(
        expression,
      ),
  },
];

/** @returns the reason, or undefined when the difference is not a known one of this version */
export function knownReasonOf({
  expression,
  difference,
  version,
}: {
  readonly expression: string;
  readonly difference: string;
  readonly version: string;
}): string | undefined {
  return KNOWN_DIFFERENCES.find(
    ({ endsWith, explains }) =>
      (endsWith === undefined || isOlder(version, endsWith)) && explains(expression, difference),
  )?.reason;
}

const isOlder = (version: string, other: string): boolean =>
  version.localeCompare(other, "en", { numeric: true }) < 0;
