import type { RangeRow } from "../evaluation/evaluation.js";
import { type Pacer, VALUES_AT_ONCE } from "../evaluation/pacer.js";

/** The input of a window function that is the same for all series. */
export interface WindowContext {
  readonly windowMs: number;
  /** End of the window of each step, in milliseconds; see `RangeSelection`. */
  readonly ends: Float64Array;
  /** Time of each step, in milliseconds, before `offset` and `@`. */
  readonly times: Float64Array;
  /** The scalar arguments, in order, at each step. */
  readonly parameters: readonly Float64Array[];
  /** For windows with very many samples. */
  readonly pacer: Pacer;
}

/** The scalar argument at `index`, at one step; NaN when the call has no such argument. */
export function parameterAt({ parameters }: WindowContext, index: number, step: number): number {
  return parameters[index]?.[step] ?? NaN;
}

/** The cells for the results of a row: the one of a step is at `offset + step`. */
export interface ResultRow {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly offset: number;
}

/**
 * Starts on one series. The steps are then evaluated in order, in one call or in several; nothing is
 * written at steps without a result.
 */
export type WindowFunction = (
  row: RangeRow,
  result: ResultRow,
  context: WindowContext,
) => EvaluateSteps;

/** Evaluates the steps from `fromStep`, inclusive, to `untilStep`, exclusive. */
export type EvaluateSteps = (fromStep: number, untilStep: number) => void | Promise<void>;

/** Computes the result of one window from its samples, `from` inclusive, `until` exclusive. */
export type WindowReduction = (
  row: RangeRow,
  from: number,
  until: number,
  step: number,
  context: WindowContext,
) => number;

/** Applies a reduction to every window that has at least `minSamples` samples. */
export function reduceWindows(minSamples: number, reduce: WindowReduction): WindowFunction {
  return (row, { values, present, offset }, context) =>
    (fromStep, untilStep) => {
      for (let step = fromStep; step < untilStep; step++) {
        const from = row.from[step] as number;
        const until = row.until[step] as number;
        if (until - from < minSamples) continue;
        values[offset + step] = reduce(row, from, until, step, context);
        present[offset + step] = 1;
      }
    };
}

/**
 * As `reduceWindows`, for a function whose time per sample is long: `reduceLong` computes the result of a
 * window with very many samples, with pauses.
 */
export function reduceLongWindows(
  minSamples: number,
  reduce: WindowReduction,
  reduceLong: (...window: Parameters<WindowReduction>) => Promise<number>,
): WindowFunction {
  const short = reduceWindows(minSamples, reduce);
  return (row, result, context) => {
    const evaluate = short(row, result, context);
    return (fromStep, untilStep) => {
      const from = row.from[fromStep] as number;
      const until = row.until[fromStep] as number;
      // A long window comes alone.
      if (untilStep - fromStep > 1 || until - from <= VALUES_AT_ONCE)
        return evaluate(fromStep, untilStep);
      return reduceLong(row, from, until, fromStep, context).then((value) => {
        result.values[result.offset + fromStep] = value;
        result.present[result.offset + fromStep] = 1;
      });
    };
  };
}
