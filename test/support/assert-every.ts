import assert from "node:assert/strict";

/**
 * Asserts that `items` has items and that `holds` is true for each one. `assert.ok(items.every(...))`
 * passes for an empty list as well, so a test that finds nothing to check would pass.
 */
export function assertEvery<Item>(
  items: readonly Item[],
  holds: (item: Item, index: number) => boolean,
  message?: string,
): void {
  assert.ok(items.length > 0, message ?? "The list has no items");
  for (const [index, item] of items.entries()) {
    assert.ok(holds(item, index), message ?? `Item ${index} does not hold: ${String(item)}`);
  }
}
