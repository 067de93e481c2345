import type { RangeRow } from "../evaluation/evaluation.js";
import { reduceWindows, type WindowFunction } from "./window-function.js";

interface Extrapolation {
  /** A counter is never negative, and a falling value means that it was reset to zero. */
  readonly isCounter: boolean;
  /** Per second instead of per window. */
  readonly isRate: boolean;
}

export const rate = extrapolated({ isCounter: true, isRate: true });
export const increase = extrapolated({ isCounter: true, isRate: false });
export const delta = extrapolated({ isCounter: false, isRate: false });

/**
 * The change from the first to the last sample of a window, extrapolated towards the edges of the
 * window. An edge closer than 1.1 average sample intervals is reached; towards any other edge, the
 * change is extrapolated by half an interval. A counter is not extrapolated to before it was zero.
 *
 * The resets of a counter are found once per series, so the time per window does not depend on its
 * length.
 */
function extrapolated({ isCounter, isRate }: Extrapolation): WindowFunction {
  return (row, { values: results, present, offset }, { ends, windowMs }) => {
    const { timestamps, values, from: firsts, until } = row;
    const resets = isCounter ? findResets(values) : NO_RESETS;
    let nextReset = 0;
    return (fromStep, untilStep) => {
      for (let step = fromStep; step < untilStep; step++) {
        const first = firsts[step] as number;
        const last = (until[step] as number) - 1;
        if (last <= first) continue;
        const firstValue = values[first] as number;
        let change = (values[last] as number) - firstValue;
        while (nextReset < resets.length && (resets[nextReset] as number) <= first) nextReset++;
        for (
          let index = nextReset;
          index < resets.length && (resets[index] as number) <= last;
          index++
        ) {
          change += values[(resets[index] as number) - 1] as number;
        }
        const endMs = ends[step] as number;
        const firstMs = timestamps[first] as number;
        const lastMs = timestamps[last] as number;
        const sampledSeconds = (lastMs - firstMs) / 1000;
        const averageSeconds = sampledSeconds / (last - first);
        const threshold = averageSeconds * 1.1;
        let startSeconds = (firstMs - (endMs - windowMs)) / 1000;
        if (startSeconds >= threshold) startSeconds = averageSeconds / 2;
        if (isCounter && change > 0 && firstValue >= 0) {
          const zeroSeconds = sampledSeconds * (firstValue / change);
          if (zeroSeconds < startSeconds) startSeconds = zeroSeconds;
        }
        let endSeconds = (endMs - lastMs) / 1000;
        if (endSeconds >= threshold) endSeconds = averageSeconds / 2;
        let factor = (sampledSeconds + startSeconds + endSeconds) / sampledSeconds;
        if (isRate) factor /= windowMs / 1000;
        results[offset + step] = change * factor;
        present[offset + step] = 1;
      }
    };
  };
}

const NO_RESETS = new Int32Array(0);

/** The indices of the samples that are lower than the one before. */
function findResets(values: Float64Array): Int32Array {
  let resets = NO_RESETS;
  let count = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) < (values[index - 1] as number)) {
      if (count === 0) resets = new Int32Array(values.length - index);
      resets[count++] = index;
    }
  }
  return count === 0 ? NO_RESETS : resets.subarray(0, count);
}

export const irate = reduceWindows(2, (row, _from, until) => {
  const before = row.values[until - 2] as number;
  const last = row.values[until - 1] as number;
  // After a reset the counter started at zero.
  return (last < before ? last : last - before) / secondsBetween(row, until);
});

export const idelta = reduceWindows(
  2,
  ({ values }, _from, until) => (values[until - 1] as number) - (values[until - 2] as number),
);

function secondsBetween({ timestamps }: RangeRow, until: number): number {
  return ((timestamps[until - 1] as number) - (timestamps[until - 2] as number)) / 1000;
}

export const resets = reduceWindows(1, ({ values }, from, until) => {
  let count = 0;
  for (let index = from + 1; index < until; index++) {
    if ((values[index] as number) < (values[index - 1] as number)) count++;
  }
  return count;
});

export const changes = reduceWindows(1, ({ values }, from, until) => {
  let count = 0;
  for (let index = from + 1; index < until; index++) {
    const value = values[index] as number;
    const before = values[index - 1] as number;
    if (value !== before && !(Number.isNaN(value) && Number.isNaN(before))) count++;
  }
  return count;
});
