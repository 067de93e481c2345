import { firstAfter } from "../../base/binary-search.js";

/**
 * The rows of a table within `(end - window, end]` of each step: `from` inclusive, `until`
 * exclusive.
 */
export interface Windows {
  readonly from: Int32Array;
  readonly until: Int32Array;
}

/**
 * Finds the windows of all steps in one pass over ascending timestamps.
 *
 * @param ends ascending
 */
export function findWindows(
  timestamps: Float64Array,
  ends: Float64Array,
  windowMs: number,
): Windows {
  const from = new Int32Array(ends.length);
  const until = new Int32Array(ends.length);
  if (ends.length === 0) return { from, until };
  let first = firstAfter(timestamps, (ends[0] as number) - windowMs);
  let after = firstAfter(timestamps, ends[0] as number);
  for (let step = 0; step < ends.length; step++) {
    const end = ends[step] as number;
    while (first < timestamps.length && (timestamps[first] as number) <= end - windowMs) first++;
    while (after < timestamps.length && (timestamps[after] as number) <= end) after++;
    from[step] = first;
    until[step] = after;
  }
  return { from, until };
}
