import type { DurationExpression, DurationOperator, TimeModifiers } from "../language/ast.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { querySeconds, timesOf, type QueryTimes, type TimeGrid } from "./time-grid.js";

const MAX_SECONDS = 2 ** 63 / 1e9;

/**
 * The milliseconds of a window or a step.
 *
 * @throws {QueryExecutionError} when its arithmetic gives zero or less
 */
export function windowMsOf(duration: DurationExpression, query: QueryTimes): number {
  const milliseconds = millisecondsOf(duration, query);
  if (milliseconds > 0) return milliseconds;
  throw new QueryExecutionError("duration must be greater than 0");
}

/** The evaluation time of each step after `offset` and `@`, in milliseconds. */
export function shiftedTimes(
  { offset, at }: TimeModifiers,
  grid: TimeGrid,
  query: QueryTimes,
): Float64Array {
  const offsetMs = offset === undefined ? 0 : millisecondsOf(offset, query);
  const fixedMs = at === "start" ? query.fromMs : at === "end" ? query.endMs : at;
  return timesOf(grid).map((timeMs) => (fixedMs ?? timeMs) - offsetMs);
}

function millisecondsOf(duration: DurationExpression, query: QueryTimes): number {
  const seconds = secondsOf(duration, query);
  if (!(Math.abs(seconds) <= MAX_SECONDS))
    throw new QueryExecutionError("duration is out of range");
  // As in Prometheus: durations are rounded to nanoseconds, then cut to the milliseconds the engine
  // uses.
  return Math.trunc(Math.round(seconds * 1e9) / 1e6);
}

function secondsOf(duration: DurationExpression, query: QueryTimes): number {
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
