import type { DurationExpression, DurationOperator, TimeModifiers } from "../language/ast.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { timeAt, timesOf, type TimeGrid } from "./time-grid.js";

const MAX_SECONDS = 2 ** 63 / 1e9;

/**
 * Milliseconds of a window or resolution.
 *
 * @throws {QueryExecutionError} when arithmetic gives nothing above zero
 */
export function windowMsOf(duration: DurationExpression, query: TimeGrid): number {
  const milliseconds = millisecondsOf(duration, query);
  if (milliseconds > 0) return milliseconds;
  throw new QueryExecutionError("duration must be greater than 0");
}

/** When, instead of at the step's time, an expression is evaluated: for each step, in milliseconds. */
export function shiftedTimes(
  { offset, at }: TimeModifiers,
  grid: TimeGrid,
  query: TimeGrid,
): Float64Array {
  const offsetMs = offset === undefined ? 0 : millisecondsOf(offset, query);
  const pinned = at === "start" ? query.fromMs : at === "end" ? timeAt(query, query.count - 1) : at;
  return timesOf(grid).map((timeMs) => (pinned ?? timeMs) - offsetMs);
}

function millisecondsOf(duration: DurationExpression, query: TimeGrid): number {
  const seconds = secondsOf(duration, query);
  if (!(Math.abs(seconds) <= MAX_SECONDS))
    throw new QueryExecutionError("duration is out of range");
  // Durations are whole nanoseconds, of which the engine uses whole milliseconds.
  return Math.trunc(Math.round(seconds * 1e9) / 1e6);
}

function secondsOf(duration: DurationExpression, query: TimeGrid): number {
  switch (duration.kind) {
    case "number":
      return duration.value;
    case "duration_query_value":
      return duration.name === "step" ? querySeconds(query).step : querySeconds(query).range;
    case "duration_extreme": {
      const extreme = duration.name === "min_of" ? Math.min : Math.max;
      return extreme(secondsOf(duration.left, query), secondsOf(duration.right, query));
    }
    case "duration_unary":
      return secondsOf(duration.operand, query) * (duration.operator === "-" ? -1 : 1);
    case "duration_parenthesized":
      return secondsOf(duration.expression, query);
    case "duration_binary":
      return combine(
        duration.operator,
        secondsOf(duration.left, query),
        secondsOf(duration.right, query),
      );
  }
}

function combine(operator: DurationOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      if (right === 0) throw new QueryExecutionError("division by zero");
      return left / right;
    case "%":
      if (right === 0) throw new QueryExecutionError("modulo by zero");
      return left % right;
    case "^":
      return left ** right;
  }
}

/** What the functions and duration words about the query itself say; an instant query has neither step nor range. */
export function querySeconds(query: TimeGrid): {
  start: number;
  end: number;
  step: number;
  range: number;
} {
  const endMs = timeAt(query, query.count - 1);
  const isInstant = query.count === 1;
  return {
    start: query.fromMs / 1000,
    end: endMs / 1000,
    step: isInstant ? 0 : query.stepMs / 1000,
    range: (endMs - query.fromMs) / 1000,
  };
}
