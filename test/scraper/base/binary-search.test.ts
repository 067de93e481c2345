import assert from "node:assert/strict";
import { test } from "node:test";
import {
  firstAfter,
  firstAtOrAfter,
  firstIndexWhere,
} from "../../../scraper/base/binary-search.js";

const TIMES = Float64Array.of(10, 20, 20, 30);

for (const { timeMs, atOrAfter, after } of [
  { timeMs: -Infinity, atOrAfter: 0, after: 0 },
  { timeMs: 10, atOrAfter: 0, after: 1 },
  { timeMs: 15, atOrAfter: 1, after: 1 },
  { timeMs: 20, atOrAfter: 1, after: 3 },
  { timeMs: 30, atOrAfter: 3, after: 4 },
  { timeMs: Infinity, atOrAfter: 4, after: 4 },
]) {
  test(`timestamps 10, 20, 20, 30 are searched for ${timeMs}`, () => {
    assert.equal(firstAtOrAfter(TIMES, timeMs), atOrAfter);
    assert.equal(firstAfter(TIMES, timeMs), after);
    assert.equal(firstAtOrAfter(TIMES.subarray(0, 0), timeMs), 0);
    assert.equal(firstAfter(TIMES.subarray(0, 0), timeMs), 0);
  });
}

test("the first index where a condition holds is found in every place, and the length where none is", () => {
  for (let length = 0; length < 10; length++) {
    for (let first = 0; first <= length; first++) {
      for (let from = 0; from <= length; from++) {
        const found = firstIndexWhere(
          Array.from({ length }, (_, index) => index),
          (item) => item >= first,
          from,
        );
        assert.equal(found, Math.max(first, from));
      }
    }
  }
});
