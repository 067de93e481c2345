import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import {
  type DurationExpression,
  type Expression,
  withoutParentheses,
} from "../../promql/language/ast.js";
import { walkExpression } from "../../promql/language/walk-expression.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";

/** Series that scrapes write about themselves. A Pi's history does not contain them. */
const SCRAPE_REPORTS = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_series_added",
  "scrape_samples_post_metric_relabeling",
];
const ABSENCE_FUNCTIONS = ["absent", "absent_over_time"];

/** Returns a function that tells whether the expression can read series with a given name. */
export function namesReadBy(expression: Expression): (name: string) => boolean {
  const selectors: (readonly LabelMatcher[])[] = [];
  walkExpression(expression, (part) => {
    if (part.kind === "vector_selector") {
      selectors.push(part.matchers.filter(({ name }) => name === METRIC_NAME));
    }
  });
  return (name) => selectors.some((matchers) => matchers.every((matcher) => matcher.matches(name)));
}

/**
 * True when the expression is true where series about scrapes are missing. Over a time without
 * scrapes it would always be true.
 */
export function detectsMissingScrapes(expression: Expression): boolean {
  let found = false;
  walkExpression(expression, (part) => {
    if (part.kind !== "call" || !ABSENCE_FUNCTIONS.includes(part.signature.name)) return;
    const isRead = namesReadBy(part);
    found ||= SCRAPE_REPORTS.some(isRead);
  });
  return found;
}

/** True when a lower value is worse, as in `free_bytes < 1e6`. */
export function isLowerWorse(expression: Expression): boolean {
  const inner = withoutParentheses(expression);
  if (inner.kind !== "binary") return false;
  if (inner.operator === "<" || inner.operator === "<=") return true;
  return (inner.operator === "and" || inner.operator === "unless") && isLowerWorse(inner.left);
}

const QUERY_TIMES = ["start", "end", "step", "range"];

/**
 * True when the value at a time depends on the times of the whole query, as with `@ start()` or
 * `step()`. A range query then gives other values than an instant query at each of its times.
 */
export function readsQueryTimes(expression: Expression): boolean {
  let found = false;
  walkExpression(expression, (part) => {
    found ||= partReadsQueryTimes(part);
  });
  return found;
}

function partReadsQueryTimes(part: Expression): boolean {
  switch (part.kind) {
    case "call":
      return QUERY_TIMES.includes(part.signature.name);
    case "matrix_selector":
      return durationReadsQueryTimes(part.window);
    case "vector_selector":
      return typeof part.at === "string" || durationReadsQueryTimes(part.offset);
    case "subquery":
      return (
        typeof part.at === "string" ||
        [part.offset, part.window, part.step].some(durationReadsQueryTimes)
      );
    case "number":
    case "string":
    case "aggregation":
    case "binary":
    case "unary":
    case "parenthesized":
      return false;
  }
}

function durationReadsQueryTimes(duration: DurationExpression | undefined): boolean {
  switch (duration?.kind) {
    case "duration_query_value":
      return true;
    case "duration_extreme":
    case "duration_binary":
      return durationReadsQueryTimes(duration.left) || durationReadsQueryTimes(duration.right);
    case "duration_unary":
      return durationReadsQueryTimes(duration.operand);
    case "duration_parenthesized":
      return durationReadsQueryTimes(duration.expression);
    case "number":
    case undefined:
      return false;
  }
}
