/** Why Prometheus 2.42 may answer otherwise than the current one, whom we follow. */
interface KnownDifference {
  readonly reason: string;
  /** Whether it explains what was found for this expression. */
  readonly explains: (expression: string, what: string) => boolean;
}

const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason:
      "Go's powers lose digits with exponents as large as the time; ours are right to the last digit",
    explains: (expression, what) =>
      /\^ \(?time\(\)/.test(expression) && /ours -?\d.*, theirs -?\d/.test(what),
  },
  {
    reason:
      "sums that reach infinity stay infinite in deriv, predict_linear, stddev and stdvar now, and became NaN",
    explains: (expression, what) =>
      /\b(deriv|predict_linear|std(dev|var)(_over_time)?)\b/.test(expression) &&
      /ours [-+]?Inf, theirs NaN/.test(what),
  },
  {
    reason: "stddev and stdvar of a single infinite or NaN value are NaN now, and were 0",
    explains: (expression) => /\bstd(dev|var)\b/.test(expression),
  },
  {
    reason:
      "predict_linear over a window pinned with @ looks at that window at every step now; 2.42 moved it on",
    explains: (expression) => /predict_linear\(.*@/.test(expression),
  },
  {
    reason: "atan2 with a scalar drops the metric name now, and kept it",
    explains: (expression) => /\batan2\b/.test(expression),
  },
  {
    reason:
      "rate and increase limit the extrapolation to zero after that to the window now, and did so before it",
    explains: (expression) => /\b(rate|increase)\(/.test(expression),
  },
  {
    reason:
      "what Go makes of the date of NaN or of a time beyond 64 bits depends on the processor; ours is NaN",
    explains: (expression) =>
      /\b(minute|hour|day_of_\w+|days_in_month|month|year)\(/.test(expression),
  },
  {
    reason:
      "ambiguous matching is refused even where the comparison drops the samples now, and was let pass",
    explains: (_expression, what) =>
      /^ours fails with execution: multiple matches.*theirs succeeds$/.test(what),
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

/** @returns the reason, or undefined when the difference is none of the listed ones */
export function knownDifference(expression: string, what: string): string | undefined {
  return KNOWN_DIFFERENCES.find(({ explains }) => explains(expression, what))?.reason;
}
