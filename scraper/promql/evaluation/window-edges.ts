import type { RangeExtension } from "../language/ast.js";
import type { RangeRow } from "./evaluation.js";
import { firstAfter } from "../../base/binary-search.js";

/** Where a window begins and ends, and the values there. */
export interface WindowEdges {
  /** Index of the last sample at or before the start, or of the first there is. */
  readonly first: number;
  /** Index of the last sample in the window or, when smoothed, of the first at or after its end. */
  readonly last: number;
  readonly left: number;
  readonly right: number;
}

/** The values at the edges of a window, undefined when it holds no samples to speak of. */
export function edgesOf(
  { timestamps, values, from, until }: RangeRow,
  step: number,
  window: { startMs: number; endMs: number; extension: RangeExtension; isCounter: boolean },
): WindowEdges | undefined {
  const { startMs, endMs, isCounter } = window;
  const isSmoothed = window.extension === "smoothed";
  const begin = from[step] as number;
  let last = (until[step] as number) - 1;
  if (last < begin) return undefined;
  const first = Math.max(begin, Math.min(firstAfter(timestamps, startMs), last) - 1);
  if (isSmoothed) last = Math.max(begin, Math.min(firstAfter(timestamps, endMs - 1), last));
  const [firstMs, lastMs] = [timestamps[first] as number, timestamps[last] as number];
  if (lastMs <= startMs || (isSmoothed && firstMs > endMs)) return undefined;
  const at = (index: number, timeMs: number): number =>
    interpolate(timestamps, values, index, timeMs, isCounter);
  return {
    first,
    last,
    left: isSmoothed && firstMs < startMs ? at(first, startMs) : (values[first] as number),
    right:
      isSmoothed && last > begin && lastMs > endMs ? at(last - 1, endMs) : (values[last] as number),
  };
}

/** On the line from the sample at `index` to the next; a counter that was reset between them began at zero. */
export function interpolate(
  timestamps: Float64Array,
  values: Float64Array,
  index: number,
  timeMs: number,
  isCounter: boolean,
): number {
  const next = values[index + 1] as number;
  const before = values[index] as number;
  const value = isCounter && next < before ? 0 : before;
  const beforeMs = timestamps[index] as number;
  return (
    value + ((next - value) * (timeMs - beforeMs)) / ((timestamps[index + 1] as number) - beforeMs)
  );
}
