/**
 * Reads of things that the code around them has made sure are there. A missing one is a bug, so it
 * throws a TypeError that ends the process; bad input and operating trouble have errors of their own.
 */

/** The value of `key`, which must be in the map. */
export function getOrThrow<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined && !map.has(key)) throw new TypeError(`No entry for ${String(key)}`);
  // eslint-disable-next-line house/no-type-assertion -- undefined may be a value of its own
  return value as Value;
}

/** The item at `index`, which must exist; a negative index counts from the end. Not for typed arrays in hot loops. */
export function itemAt<Item>(items: readonly Item[], index: number): Item {
  const at = index < 0 ? items.length + index : index;
  const item = items[at];
  if (item === undefined && !(at in items)) {
    throw new TypeError(`No item ${index} in a list of ${items.length}`);
  }
  // eslint-disable-next-line house/no-type-assertion -- undefined may be an item of its own
  return item as Item;
}

/**
 * `value`, which must not be undefined.
 *
 * @param what names it in the error
 */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new TypeError(`${what} is missing`);
  return value;
}
