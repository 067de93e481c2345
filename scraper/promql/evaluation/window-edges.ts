import type { RangeExtension } from "../language/ast.js";
import type { RangeRow } from "./evaluation.js";
import { firstAfter } from "../../base/binary-search.js";

/** The samples that an extended window uses, and its values at its edges. */
export interface WindowEdges {
  /**
   * Index of the last sample at or before the start of the window, or of the first sample at all.
   */
  readonly first: number;
  /**
   * Index of the last sample in the window or, when smoothed, of the first one at or after its end.
   */
  readonly last: number;
  /** The value at the start of the window. */
  readonly left: number;
  /** The value at the end of the window. */
  readonly right: number;
}

/** The edges of an extended window; undefined when the window has no usable sample. */
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

/**
 * The value at `timeMs` on the line from the sample at `index` to the next; a counter that is reset
 * between them starts at zero.
 */
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
