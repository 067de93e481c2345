import { KahanSum, isInfinite } from "../evaluation/kahan-sum.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { parameterAt, reduceWindows } from "./window-function.js";

export const deriv = reduceWindows(2, ({ timestamps, values }, from, until) => {
  // With the time of a sample as origin, the numbers are small and lose fewer digits.
  const originMs = timestamps[from] as number;
  return linearRegression(timestamps, values, from, until, originMs).slope;
});

export const predictLinear = reduceWindows(
  2,
  ({ timestamps, values }, from, until, step, context) => {
    const originMs = context.times[step] as number;
    const { slope, intercept } = linearRegression(timestamps, values, from, until, originMs);
    return slope * parameterAt(context, 0, step) + intercept;
  },
);

/** The least-squares line: its slope per second and its value at `originMs`. */
function linearRegression(
  timestamps: Float64Array,
  values: Float64Array,
  from: number,
  until: number,
  originMs: number,
): { slope: number; intercept: number } {
  const sumX = new KahanSum();
  const sumY = new KahanSum();
  const sumXY = new KahanSum();
  const sumXX = new KahanSum();
  const firstY = values[from] as number;
  let isConstant = true;
  for (let index = from; index < until; index++) {
    const x = ((timestamps[index] as number) - originMs) / 1000;
    const y = values[index] as number;
    if (index > from && y !== firstY) isConstant = false;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumXX.add(x * x);
  }
  if (isConstant)
    return isInfinite(firstY) ? { slope: NaN, intercept: NaN } : { slope: 0, intercept: firstY };
  const count = until - from;
  const x = sumX.total;
  const y = sumY.total;
  const slope = (sumXY.total - (x * y) / count) / (sumXX.total - (x * x) / count);
  return { slope, intercept: y / count - (slope * x) / count };
}

export const doubleExponentialSmoothing = reduceWindows(
  2,
  ({ values }, from, until, step, context) => {
    const smoothing = checkFactor("smoothing", parameterAt(context, 0, step));
    const trendFactor = checkFactor("trend", parameterAt(context, 1, step));
    let before = 0;
    let smoothed = values[from] as number;
    let trend = (values[from + 1] as number) - smoothed;
    for (let index = from + 1; index < until; index++) {
      if (index > from + 1) trend = trendFactor * (smoothed - before) + (1 - trendFactor) * trend;
      const next = smoothing * (values[index] as number) + (1 - smoothing) * (smoothed + trend);
      before = smoothed;
      smoothed = next;
    }
    return smoothed;
  },
);

function checkFactor(name: "smoothing" | "trend", factor: number): number {
  if (factor >= 0 && factor <= 1) return factor;
  const bound = name === "smoothing" ? "0 <= sf <= 1" : "0 <= tf <= 1";
  throw new QueryExecutionError(
    `invalid ${name} factor. Expected: ${bound}, got: ${factor.toFixed(6)}`,
  );
}
