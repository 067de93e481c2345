import { firstAfter } from "../../base/binary-search.js";

/** Which rows of a table lie in `(end - window, end]`, for each of many windows. */
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
  let behind = firstAfter(timestamps, ends[0] as number);
  for (let step = 0; step < ends.length; step++) {
    const end = ends[step] as number;
    while (first < timestamps.length && (timestamps[first] as number) <= end - windowMs) first++;
    while (behind < timestamps.length && (timestamps[behind] as number) <= end) behind++;
    from[step] = first;
    until[step] = behind;
  }
  return { from, until };
}
