import { KahanSum, isInfinite, roundingError } from "../evaluation/kahan-sum.js";
import { quantileOf, quantilePaced } from "../evaluation/quantile.js";
import { type Pacer, VALUES_AT_ONCE } from "../evaluation/pacer.js";
import { copyPaced } from "../evaluation/vector-block.js";
import {
  parameterAt,
  reduceLongWindows,
  reduceWindows,
  type WindowFunction,
} from "./window-function.js";

export const sumOverTime = reduceWindows(1, ({ values }, from, until) => {
  let sum = 0;
  let compensation = 0;
  for (let index = from; index < until; index++) {
    const value = values[index] as number;
    const newSum = sum + value;
    compensation = isInfinite(newSum) ? 0 : compensation + roundingError(sum, value, newSum);
    sum = newSum;
  }
  return isInfinite(sum) ? sum : sum + compensation;
});

export const averageOverTime = reduceWindows(1, ({ values }, from, until) => {
  let sum = values[from] as number;
  let compensation = 0;
  for (let index = from + 1; index < until; index++) {
    const value = values[index] as number;
    const newSum = sum + value;
    if (isInfinite(newSum)) return runningMean(values, index, until, from, sum, compensation);
    compensation += roundingError(sum, value, newSum);
    sum = newSum;
  }
  const count = until - from;
  return sum / count + compensation / count;
});

/** Continues with a running mean from `next` on, where a sum would overflow. */
function runningMean(
  values: Float64Array,
  next: number,
  until: number,
  from: number,
  sum: number,
  sumCompensation: number,
): number {
  let mean = sum / (next - from);
  let compensation = sumCompensation / (next - from);
  for (let index = next; index < until; index++) {
    const count = index - from + 1;
    const weight = (count - 1) / count;
    const accumulator = new KahanSum(weight * mean, weight * compensation);
    accumulator.add((values[index] as number) / count);
    mean = accumulator.sum;
    compensation = accumulator.compensation;
  }
  return mean + compensation;
}

export const minOverTime = slidingExtreme(-1);
export const maxOverTime = slidingExtreme(1);

/**
 * The highest (with sign -1, the lowest) value of every window. Windows only move forward, so a
 * queue of the samples that can still become the extreme is enough: each sample enters and leaves
 * it once, whatever the length of the windows. NaN is the result only where a window has no other
 * value.
 */
function slidingExtreme(sign: 1 | -1): WindowFunction {
  return ({ values, from, until }, { values: results, present, offset }) => {
    const queue = new Int32Array(values.length);
    let head = 0;
    let tail = 0;
    let next = 0;
    return (fromStep, untilStep) => {
      for (let step = fromStep; step < untilStep; step++) {
        const first = from[step] as number;
        const end = until[step] as number;
        if (first === end) continue;
        next = Math.max(next, first);
        for (; next < end; next++) {
          const value = sign * (values[next] as number);
          if (Number.isNaN(value)) continue;
          while (tail > head && sign * (values[queue[tail - 1] as number] as number) < value)
            tail--;
          queue[tail++] = next;
        }
        while (head < tail && (queue[head] as number) < first) head++;
        results[offset + step] = head < tail ? (values[queue[head] as number] as number) : NaN;
        present[offset + step] = 1;
      }
    };
  };
}

export const countOverTime = reduceWindows(1, (_row, from, until) => until - from);
export const presentOverTime = reduceWindows(1, () => 1);
export const lastOverTime = reduceWindows(
  1,
  ({ values }, _from, until) => values[until - 1] as number,
);
export const firstOverTime = reduceWindows(1, ({ values }, from) => values[from] as number);

export const timeOfFirst = reduceWindows(
  1,
  ({ timestamps }, from) => (timestamps[from] as number) / 1000,
);
export const timeOfLast = reduceWindows(
  1,
  ({ timestamps }, _from, until) => (timestamps[until - 1] as number) / 1000,
);
export const timeOfMin = reduceWindows(1, ({ values, timestamps }, from, until) =>
  timeOfExtreme(values, timestamps, from, until, -1),
);
export const timeOfMax = reduceWindows(1, ({ values, timestamps }, from, until) =>
  timeOfExtreme(values, timestamps, from, until, 1),
);

/** In seconds. The last one of equal extremes counts. */
function timeOfExtreme(
  values: Float64Array,
  timestamps: Float64Array,
  from: number,
  until: number,
  sign: 1 | -1,
): number {
  let best = from;
  for (let index = from + 1; index < until; index++) {
    const bestValue = values[best] as number;
    if (sign * (values[index] as number) >= sign * bestValue || Number.isNaN(bestValue))
      best = index;
  }
  return (timestamps[best] as number) / 1000;
}

export const varianceOverTime = reduceLongWindows(
  1,
  ({ values }, from, until) => variance(values, from, until),
  ({ values }, from, until, _step, { pacer }) => longVariance(values, from, until, pacer),
);
export const deviationOverTime = reduceLongWindows(
  1,
  ({ values }, from, until) => Math.sqrt(variance(values, from, until)),
  async ({ values }, from, until, _step, { pacer }) =>
    Math.sqrt(await longVariance(values, from, until, pacer)),
);

/** Welford's running variance of the whole population. */
class Variance {
  private count = 0;
  private readonly mean = new KahanSum();
  private readonly squares = new KahanSum();

  add(values: Float64Array, from: number, until: number): void {
    const { mean, squares } = this;
    for (let index = from; index < until; index++) {
      const value = values[index] as number;
      const difference = value - mean.total;
      mean.add(difference / ++this.count);
      squares.add(difference * (value - mean.total));
    }
  }

  get total(): number {
    return this.squares.total / this.count;
  }
}

function variance(values: Float64Array, from: number, until: number): number {
  const running = new Variance();
  running.add(values, from, until);
  return running.total;
}

async function longVariance(
  values: Float64Array,
  from: number,
  until: number,
  pacer: Pacer,
): Promise<number> {
  const running = new Variance();
  for (let index = from; index < until; index += VALUES_AT_ONCE) {
    running.add(values, index, Math.min(until, index + VALUES_AT_ONCE));
    if (pacer.isDue(VALUES_AT_ONCE)) await pacer.pause();
  }
  return running.total;
}

export const quantileOverTime = reduceLongWindows(
  1,
  ({ values }, from, until, step, context) =>
    quantileOf(parameterAt(context, 0, step), values.slice(from, until)),
  async ({ values }, from, until, step, context) => {
    const copy = await copyPaced(values.subarray(from, until), context.pacer);
    return quantilePaced(parameterAt(context, 0, step), copy, context.pacer);
  },
);

export const medianDeviationOverTime = reduceLongWindows(
  1,
  ({ values }, from, until) => {
    const window = values.slice(from, until);
    if (window.includes(Number.NaN)) return Number.NaN;
    const median = quantileOf(0.5, window.slice());
    return quantileOf(
      0.5,
      window.map((value) => Math.abs(value - median)),
    );
  },
  async ({ values }, from, until, _step, { pacer }) => {
    const window = values.subarray(from, until);
    if (window.includes(Number.NaN)) return Number.NaN;
    const deviations = await copyPaced(window, pacer);
    const median = await quantilePaced(0.5, deviations, pacer);
    for (let index = 0; index < deviations.length; index++) {
      deviations[index] = Math.abs((deviations[index] as number) - median);
      if (pacer.isDue(1)) await pacer.pause();
    }
    return quantilePaced(0.5, deviations, pacer);
  },
);
