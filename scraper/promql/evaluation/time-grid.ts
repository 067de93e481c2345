/** The evaluation times of a query or subquery: `count` of them, `stepMs` apart. */
export interface TimeGrid {
  readonly fromMs: number;
  readonly stepMs: number;
  readonly count: number;
}

export const timeAt = (grid: TimeGrid, step: number): number => grid.fromMs + step * grid.stepMs;

/** A grid from `fromMs` to `toMs`, both in; empty when it ends before it begins. */
export function gridBetween(fromMs: number, toMs: number, stepMs: number): TimeGrid {
  return { fromMs, stepMs, count: toMs < fromMs ? 0 : Math.floor((toMs - fromMs) / stepMs) + 1 };
}

/** All times of a grid, in milliseconds. */
export function timesOf(grid: TimeGrid): Float64Array {
  const times = new Float64Array(grid.count);
  for (let step = 0; step < times.length; step++) times[step] = timeAt(grid, step);
  return times;
}
