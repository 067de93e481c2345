/** The evaluation times of a query or subquery: `count` times, `stepMs` apart. */
export interface TimeGrid {
  readonly fromMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** The times of a whole query. */
export interface QueryTimes extends TimeGrid {
  /** The end as asked, which may be after the last step. */
  readonly endMs: number;
  /** An instant query has step and range 0. */
  readonly isInstant: boolean;
}

export const timeAt = (grid: TimeGrid, step: number): number => grid.fromMs + step * grid.stepMs;

/** A grid from `fromMs` to `toMs`, both included; empty when `toMs` is before `fromMs`. */
export function gridBetween(fromMs: number, toMs: number, stepMs: number): TimeGrid {
  return { fromMs, stepMs, count: toMs < fromMs ? 0 : Math.floor((toMs - fromMs) / stepMs) + 1 };
}

/** All times of a grid, in milliseconds. */
export function timesOf(grid: TimeGrid): Float64Array {
  const { fromMs, stepMs, count } = grid;
  const times = new Float64Array(count);
  for (let step = 0; step < count; step++) times[step] = fromMs + step * stepMs;
  return times;
}

/** The values of `start()`, `end()`, `step()` and `range()`, in seconds. */
export function querySeconds({ fromMs, endMs, stepMs, isInstant }: QueryTimes): {
  start: number;
  end: number;
  step: number;
  range: number;
} {
  return {
    start: fromMs / 1000,
    end: endMs / 1000,
    step: isInstant ? 0 : stepMs / 1000,
    range: (endMs - fromMs) / 1000,
  };
}
