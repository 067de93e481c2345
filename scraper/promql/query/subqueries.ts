import type { Subquery } from "../language/ast.js";
import { shiftedTimes, windowMsOf } from "../evaluation/durations.js";
import type { Evaluation, RangeRow, RangeSelection } from "../evaluation/evaluation.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { gridBetween, timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import type { VectorBlock } from "../evaluation/vector-block.js";
import { findWindows } from "../evaluation/windows.js";

/** A series is evaluated at all steps without a pause, so more steps would block the event loop. */
const MAX_SUBQUERY_STEPS = 2_000_000;

/**
 * Evaluates the inner expression at multiples of the step of the subquery; its results are the
 * samples of the windows.
 */
export async function selectSubquery(
  node: Subquery,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<RangeSelection> {
  const { query, subqueryStepMs } = evaluation;
  const windowMs = windowMsOf(node.window, query);
  const stepMs = node.step === undefined ? subqueryStepMs : windowMsOf(node.step, query);
  const ends = shiftedTimes(node, grid, query);
  const firstStartMs = (ends[0] ?? 0) - windowMs;
  let fromMs = Math.trunc(firstStartMs / stepMs) * stepMs;
  if (fromMs <= firstStartMs) fromMs += stepMs; // A window excludes its start.
  const inner = gridBetween(fromMs, ends.at(-1) ?? fromMs - 1, stepMs);
  if (inner.count > MAX_SUBQUERY_STEPS) {
    const bound = `at most ${MAX_SUBQUERY_STEPS.toLocaleString("en-US")} are allowed`;
    throw new QueryExecutionError(
      `subquery has ${inner.count} steps, ${bound}: increase its resolution step`,
    );
  }
  const block = await evaluation.vector(node.expression, inner);
  return {
    windowMs,
    ends,
    rowCount: block.labels.length,
    rows: () => rowsOf(block, inner, ends, windowMs),
  };
}

function* rowsOf(
  block: VectorBlock,
  inner: TimeGrid,
  ends: Float64Array,
  windowMs: number,
): Iterable<RangeRow> {
  const { steps } = block;
  const allTimes = timesOf(inner);
  const shared = findWindows(allTimes, ends, windowMs);
  for (const [row, labels] of block.labels.entries()) {
    const nameDropped = block.nameDropped?.[row] ?? 0;
    const values = block.values.subarray(row * steps, (row + 1) * steps);
    const present = block.present.subarray(row * steps, (row + 1) * steps);
    if (!present.includes(0)) {
      yield { labels, nameDropped, timestamps: allTimes, values, ...shared };
    } else {
      const isPresent = (_: number, step: number): boolean => present[step] === 1;
      const timestamps = allTimes.filter(isPresent);
      const windows = findWindows(timestamps, ends, windowMs);
      yield { labels, nameDropped, timestamps, values: values.filter(isPresent), ...windows };
    }
  }
}
