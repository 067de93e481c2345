import type { WindowFunction } from "./window-function.js";

export const minOverTime = slidingExtreme(-1);
export const maxOverTime = slidingExtreme(1);

/**
 * The highest (or, with sign -1, lowest) value of every window. Windows only move forward, so a queue of the samples
 * that may still become the extreme is enough: each sample enters and leaves it once, however wide the windows are.
 * A NaN is the result only where there is nothing else.
 */
function slidingExtreme(sign: 1 | -1): WindowFunction {
  return ({ values, from, until }, { values: results, present, offset }) => {
    const queue = new Int32Array(values.length);
    let head = 0;
    let tail = 0;
    let next = 0;
    for (let step = 0; step < from.length; step++) {
      const first = from[step] as number;
      const end = until[step] as number;
      if (first === end) continue;
      next = Math.max(next, first);
      for (; next < end; next++) {
        const value = sign * (values[next] as number);
        if (Number.isNaN(value)) continue;
        while (tail > head && sign * (values[queue[tail - 1] as number] as number) < value) tail--;
        queue[tail++] = next;
      }
      while (head < tail && (queue[head] as number) < first) head++;
      results[offset + step] = head < tail ? (values[queue[head] as number] as number) : NaN;
      present[offset + step] = 1;
    }
  };
}
