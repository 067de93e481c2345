import { itemAt } from "../../exporter/shared/model/get-or-throw.js";

/**
 * Index of the first item for which `isTrue` holds, which must then hold for all later items too;
 * the length when it holds for none.
 *
 * @param from index of the first item looked at
 */
export function firstIndexWhere<Item>(
  items: readonly Item[],
  isTrue: (item: Item) => boolean,
  from = 0,
): number {
  let low = from;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isTrue(itemAt(items, middle))) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Index of the first timestamp at or after `timeMs`. Queries call it once per series, so it has a
 * loop of its own over one type of array.
 *
 * @param timestamps ascending
 */
export function firstAtOrAfter(timestamps: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timestamps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timestamps[middle] as number) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first timestamp after `timeMs`, otherwise as `firstAtOrAfter`. */
export function firstAfter(timestamps: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timestamps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timestamps[middle] as number) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
