import { KahanSum, isInfinite } from "../evaluation/kahan-sum.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { reduceWindows } from "./window-function.js";

export const deriv = reduceWindows(2, ({ timestamps, values }, from, until) => {
  // The time of a sample at hand as origin keeps the numbers small and so exact.
  const originMs = timestamps[from] as number;
  return linearRegression(timestamps, values, from, until, originMs).slope;
});

export const predictLinear = reduceWindows(
  2,
  ({ timestamps, values }, from, until, step, { times, parameters }) => {
    const { slope, intercept } = linearRegression(
      timestamps,
      values,
      from,
      until,
      times[step] as number,
    );
    return slope * (parameters[0]?.[step] as number) + intercept;
  },
);

/** The line of least squares: its slope per second and its value at `originMs`. */
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
  const [x, y, xy, xx] = [sumX, sumY, sumXY, sumXX].map(
    (each) => each.sum + each.compensation,
  ) as NumberQuadruple;
  const slope = (xy - (x * y) / count) / (xx - (x * x) / count);
  return { slope, intercept: y / count - (slope * x) / count };
}

type NumberQuadruple = [number, number, number, number];

export const doubleExponentialSmoothing = reduceWindows(
  2,
  ({ values }, from, until, step, { parameters }) => {
    const smoothing = factorAt("smoothing", parameters[0], step);
    const trendFactor = factorAt("trend", parameters[1], step);
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

function factorAt(
  name: "smoothing" | "trend",
  factors: Float64Array | undefined,
  step: number,
): number {
  const factor = factors?.[step] as number;
  if (factor >= 0 && factor <= 1) return factor;
  const bound = name === "smoothing" ? "0 <= sf <= 1" : "0 <= tf <= 1";
  throw new QueryExecutionError(
    `invalid ${name} factor. Expected: ${bound}, got: ${factor.toFixed(6)}`,
  );
}
