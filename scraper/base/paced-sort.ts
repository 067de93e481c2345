/** Where a long sort may let other work run; see `Pacer` of PromQL. */
export interface PausePoints {
  isDue(values: number): boolean;
  pause(): Promise<void>;
}

/** Items that are sorted without a pause. */
const RUN_LENGTH = 2048;
/** Cost of one comparison, in values for the pacer. */
const WORK_PER_COMPARISON = 16;

/**
 * Sorts as `Array.sort` does, stable, with pauses for other work. The array that comes in may be
 * changed or be the result.
 */
export async function sortPaced<Item>(
  items: Item[],
  compare: (left: Item, right: Item) => number,
  pacer: PausePoints,
): Promise<Item[]> {
  if (items.length <= RUN_LENGTH) return items.sort(compare);
  const sorted: Item[] = [];
  for (let from = 0; from < items.length; from += RUN_LENGTH) {
    sorted.push(...items.slice(from, from + RUN_LENGTH).sort(compare));
    if (pacer.isDue(RUN_LENGTH * WORK_PER_COMPARISON * 8)) await pacer.pause();
  }
  let source = sorted;
  let target = new Array<Item>(items.length);
  for (let width = RUN_LENGTH; width < items.length; width *= 2) {
    for (let from = 0; from < items.length; from += 2 * width)
      await merge(
        source,
        target,
        { from, middle: from + width, end: from + 2 * width },
        compare,
        pacer,
      );
    [source, target] = [target, source];
  }
  return source;
}

async function merge<Item>(
  source: readonly Item[],
  target: Item[],
  bounds: { readonly from: number; readonly middle: number; readonly end: number },
  compare: (left: Item, right: Item) => number,
  pacer: PausePoints,
): Promise<void> {
  const middle = Math.min(bounds.middle, source.length);
  const end = Math.min(bounds.end, source.length);
  let left = bounds.from;
  let right = middle;
  for (let at = bounds.from; at < end; at++) {
    // eslint-disable-next-line house/no-type-assertion -- compared only below the ends; a hot loop
    const [first, second] = [source[left] as Item, source[right] as Item];
    const takesLeft = left < middle && (right >= end || compare(first, second) <= 0);
    target[at] = takesLeft ? first : second;
    if (takesLeft) left++;
    else right++;
    if ((at & 1023) === 1023 && pacer.isDue(1024 * WORK_PER_COMPARISON)) await pacer.pause();
  }
}
