import type { RangeRow } from "../evaluation/evaluation.js";

/** What a function over windows knows besides the samples. */
export interface WindowContext {
  readonly windowMs: number;
  /** End of the window of each step, in milliseconds; see `RangeSelection`. */
  readonly ends: Float64Array;
  /** Time of each step, in milliseconds, whatever `offset` and `@` say. */
  readonly times: Float64Array;
  /** The scalar arguments, in order, at each step. */
  readonly parameters: readonly Float64Array[];
}

/** Where the results of a row go: at `offset + step`. */
export interface ResultRow {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly offset: number;
}

/** Evaluates one series at all steps. Leaves steps without a result alone. */
export type WindowFunction = (row: RangeRow, result: ResultRow, context: WindowContext) => void;

/** The samples `from` to `until` (out) of one window. */
export type WindowReduction = (
  row: RangeRow,
  from: number,
  until: number,
  step: number,
  context: WindowContext,
) => number;

/** Applies a reduction to every window that holds enough samples. */
export function reduceWindows(minSamples: number, reduce: WindowReduction): WindowFunction {
  return (row, { values, present, offset }, context) => {
    const steps = row.from.length;
    for (let step = 0; step < steps; step++) {
      const from = row.from[step] as number;
      const until = row.until[step] as number;
      if (until - from < minSamples) continue;
      values[offset + step] = reduce(row, from, until, step, context);
      present[offset + step] = 1;
    }
  };
}
