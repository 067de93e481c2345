import type { Subquery } from "../language/ast.js";
import { shiftedTimes, windowMsOf } from "../evaluation/durations.js";
import type { Evaluation, RangeRow, RangeSelection } from "../evaluation/evaluation.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { gridBetween, type TimeGrid } from "../evaluation/time-grid.js";
import type { VectorBlock } from "../evaluation/vector-block.js";
import { findWindows, type Windows } from "../evaluation/windows.js";

/** Each series has one column for all steps, so more steps would need too much memory. */
const MAX_SUBQUERY_STEPS = 2_000_000;
/**
 * The inner expression is evaluated for this many steps at once. Loops over the steps of one series,
 * which do not pause, are therefore short.
 */
const STEPS_AT_ONCE = 16_384;

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
  const series = await evaluateInParts(node, inner, evaluation);
  const times = await timesInParts(inner, evaluation);
  return {
    windowMs,
    ends,
    rowCount: series.length,
    rows: () => rowsOf(series, times, ends, windowMs),
  };
}

async function timesInParts(
  { fromMs, stepMs, count }: TimeGrid,
  { pacer, budget }: Evaluation,
): Promise<Float64Array> {
  budget.take(count);
  const times = new Float64Array(count);
  for (let from = 0; from < count; from += STEPS_AT_ONCE) {
    const until = Math.min(count, from + STEPS_AT_ONCE);
    for (let step = from; step < until; step++) times[step] = fromMs + step * stepMs;
    if (pacer.isDue(STEPS_AT_ONCE)) await pacer.pause();
  }
  return times;
}

/** A series of the inner expression at all its steps. */
interface InnerSeries {
  readonly labels: VectorBlock["labels"][number];
  readonly nameDropped: number;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

async function evaluateInParts(
  { expression }: Subquery,
  inner: TimeGrid,
  evaluation: Evaluation,
): Promise<InnerSeries[]> {
  const { budget, pacer } = evaluation;
  if (inner.count <= STEPS_AT_ONCE) {
    return seriesOfBlock(await evaluation.vector(expression, inner));
  }
  const all: InnerSeries[] = [];
  const byKey = new Map<string, InnerSeries>();
  for (let from = 0; from < inner.count; from += STEPS_AT_ONCE) {
    const count = Math.min(STEPS_AT_ONCE, inner.count - from);
    const part = { ...inner, fromMs: inner.fromMs + from * inner.stepMs, count };
    const heldBefore = budget.held;
    const found = seriesOfBlock(await evaluation.vector(expression, part));
    budget.settle(heldBefore, 0);
    for (const { labels, nameDropped, values, present } of found) {
      const key = `${nameDropped}${labels.key}`;
      let whole = byKey.get(key);
      if (whole === undefined) {
        budget.take(inner.count);
        const cells = new Float64Array(inner.count);
        whole = { labels, nameDropped, values: cells, present: new Uint8Array(inner.count) };
        byKey.set(key, whole);
        all.push(whole);
      }
      whole.values.set(values, from);
      whole.present.set(present, from);
      if (pacer.isDue(count)) await pacer.pause();
    }
    if (pacer.isDue(count)) await pacer.pause();
  }
  return all;
}

function seriesOfBlock({
  steps,
  labels,
  values,
  present,
  nameDropped,
}: VectorBlock): InnerSeries[] {
  return labels.map((each, row) => ({
    labels: each,
    nameDropped: nameDropped?.[row] ?? 0,
    values: values.subarray(row * steps, (row + 1) * steps),
    present: present.subarray(row * steps, (row + 1) * steps),
  }));
}

function* rowsOf(
  series: readonly InnerSeries[],
  times: Float64Array,
  ends: Float64Array,
  windowMs: number,
): Iterable<RangeRow> {
  let shared: Windows | undefined;
  for (const { labels, nameDropped, values, present } of series) {
    if (!present.includes(0)) {
      shared ??= findWindows(times, ends, windowMs);
      yield { labels, nameDropped, timestamps: times, values, ...shared };
    } else {
      const kept = presentOnly(times, values, present);
      yield { labels, nameDropped, ...kept, ...findWindows(kept.timestamps, ends, windowMs) };
    }
  }
}

function presentOnly(
  times: Float64Array,
  values: Float64Array,
  present: Uint8Array,
): { readonly timestamps: Float64Array; readonly values: Float64Array } {
  const timestamps = new Float64Array(times.length);
  const kept = new Float64Array(times.length);
  let count = 0;
  for (let step = 0; step < times.length; step++) {
    if (present[step] === 0) continue;
    timestamps[count] = times[step] as number;
    kept[count++] = values[step] as number;
  }
  return { timestamps: timestamps.subarray(0, count), values: kept.subarray(0, count) };
}
