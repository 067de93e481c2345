import type { Pacer } from "./pacer.js";

/** Up to this length, sorting is the fastest way. */
const SORTED_LENGTH = 256;
/** Swaps between two points where a long selection may pause. */
const SWAPS_AT_ONCE = 16_384;

/**
 * The φ-quantile, interpolated between the two nearest values. NaN counts as the smallest value.
 *
 * @param values reordered
 */
export function quantileOf(quantile: number, values: Float64Array): number {
  const steps = quantileSteps(quantile, values);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** As `quantileOf`, with pauses for other work. */
export async function quantilePaced(
  quantile: number,
  values: Float64Array,
  pacer: Pick<Pacer, "isDue" | "pause">,
): Promise<number> {
  const steps = quantileSteps(quantile, values);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (pacer.isDue(value)) await pacer.pause();
  }
}

/** Yields the number of values that were looked at, and returns the quantile. */
function* quantileSteps(quantile: number, values: Float64Array): Generator<number, number> {
  if (values.length === 0 || Number.isNaN(quantile)) return NaN;
  if (quantile < 0) return -Infinity;
  if (quantile > 1) return Infinity;
  const rank = quantile * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  const nans = moveNansFirst(values);
  const numbers = values.subarray(nans);
  let low = NaN;
  let high = NaN;
  if (values.length <= SORTED_LENGTH) {
    numbers.sort();
    low = numbers[lower - nans] ?? NaN;
    high = numbers[upper - nans] ?? NaN;
  } else if (upper >= nans) {
    yield* selectionSteps(numbers, Math.max(0, lower - nans));
    if (lower >= nans) low = numbers[lower - nans] as number;
    high = lower < nans ? (numbers[0] as number) : least(numbers, upper - nans);
  }
  return low * (1 - weight) + high * weight;
}

/** @returns how many values are NaN */
function moveNansFirst(values: Float64Array): number {
  let nans = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!Number.isNaN(value)) continue;
    values[index] = values[nans] as number;
    values[nans++] = value;
  }
  return nans;
}

function least(values: Float64Array, from: number): number {
  let lowest = values[from] as number;
  for (let index = from + 1; index < values.length; index++) {
    const value = values[index] as number;
    if (value < lowest) lowest = value;
  }
  return lowest;
}

/** Hoare's selection: moves the value that sorting would put at `rank` there, and lower ones before. */
function* selectionSteps(values: Float64Array, rank: number): Generator<number> {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = middleOf(
      values[low] as number,
      values[(low + high) >> 1] as number,
      values[high] as number,
    );
    let left = low;
    let right = high;
    let swaps = 0;
    while (left <= right) {
      while ((values[left] as number) < pivot) left++;
      while ((values[right] as number) > pivot) right--;
      if (left > right) break;
      const value = values[left] as number;
      values[left++] = values[right] as number;
      values[right--] = value;
      if (++swaps % SWAPS_AT_ONCE === 0) yield 2 * SWAPS_AT_ONCE;
    }
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else return;
    yield 0;
  }
}

const middleOf = (first: number, second: number, third: number): number =>
  Math.max(Math.min(first, second), Math.min(Math.max(first, second), third));
