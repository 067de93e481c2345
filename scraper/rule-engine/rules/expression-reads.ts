import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import { type Expression, withoutParentheses } from "../../promql/language/ast.js";
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
