import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DueHeap } from "../../../scraper/base/due-heap.js";

test("A heap returns the earliest item first", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.nat(), (times, popFirst) => {
      const heap = new DueHeap<number>();
      for (const time of times) heap.push(time, time);
      for (let count = Math.min(popFirst % 5, times.length); count > 0; count--) {
        const early = heap.pop();
        if (early !== undefined) heap.push(early, early);
      }
      assert.deepEqual(
        times.map(() => heap.pop()),
        [...times].sort((left, right) => left - right),
      );
      assert.equal(heap.pop(), undefined);
    }),
  );
});

test("A heap returns an item only when it is due", () => {
  const heap = new DueHeap<string>();
  heap.push(20, "later");
  heap.push(10, "first");
  assert.equal(heap.popDue(9), undefined);
  assert.equal(heap.popDue(10), "first");
  assert.equal(heap.popDue(10), undefined);
  assert.equal(heap.first?.atMs, 20);
});
