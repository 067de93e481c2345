import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { firstIndexWhere } from "../base/binary-search.js";

/** Most ranges in one set; above it the closest neighbours are joined. */
export const MAX_RANGES = 1000;

/** The union of the ranges as disjoint ranges in ascending order. Ranges that touch are joined. */
export function mergeRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const sorted = ranges.filter(({ fromMs, untilMs }) => untilMs > fromMs);
  sorted.sort((left, right) => left.fromMs - right.fromMs);
  const merged: TimeRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.fromMs > last.untilMs) merged.push(range);
    else merged[merged.length - 1] = joined(last, range);
  }
  return merged;
}

/**
 * The parts of `ranges` outside `removed`, which may be in any order. The result is disjoint and
 * ascending.
 */
export function subtractRanges(
  ranges: readonly TimeRange[],
  removed: readonly TimeRange[],
): TimeRange[] {
  const left: TimeRange[] = [];
  const cuts = mergeRanges(removed);
  for (const range of mergeRanges(ranges)) {
    let { fromMs } = range;
    for (const cut of cuts) {
      if (cut.untilMs <= fromMs) continue;
      if (cut.fromMs >= range.untilMs) break;
      if (cut.fromMs > fromMs) left.push({ fromMs, untilMs: cut.fromMs });
      fromMs = Math.max(fromMs, cut.untilMs);
    }
    if (fromMs < range.untilMs) left.push({ fromMs, untilMs: range.untilMs });
  }
  return left;
}

/** The parts of `ranges` inside `others`. The result is disjoint and ascending. */
export function intersectRanges(
  ranges: readonly TimeRange[],
  others: readonly TimeRange[],
): TimeRange[] {
  return subtractRanges(ranges, subtractRanges(ranges, others));
}

/** @param ranges disjoint and ascending */
export function holdsInstant(ranges: readonly TimeRange[], timeMs: number): boolean {
  const found = ranges[firstIndexWhere(ranges, ({ untilMs }) => untilMs > timeMs)];
  return found !== undefined && found.fromMs <= timeMs;
}

/**
 * The ranges that samples at these instants cover: from each instant to the next, if they are close
 * enough together.
 *
 * @param instants ascending
 */
export function coveredRanges(instants: readonly number[], maxDistanceMs: number): TimeRange[] {
  const covered: TimeRange[] = [];
  let fromMs = instants[0];
  let lastMs = fromMs;
  for (const instant of instants) {
    if (fromMs === undefined || lastMs === undefined) break;
    if (instant - lastMs > maxDistanceMs) {
      covered.push({ fromMs, untilMs: lastMs + 1 });
      fromMs = instant;
    }
    lastMs = instant;
  }
  if (fromMs !== undefined && lastMs !== undefined) covered.push({ fromMs, untilMs: lastMs + 1 });
  return covered;
}

/**
 * Joins the closest ranges until at most `MAX_RANGES` are left. No instant is lost; some more are
 * included.
 */
export function boundRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const bounded = [...ranges];
  while (bounded.length > MAX_RANGES) {
    const at = indexAfterSmallestDistance(bounded);
    const pair = joined(itemAt(bounded, at - 1), itemAt(bounded, at));
    bounded.splice(at - 1, 2, pair);
  }
  return bounded;
}

const joined = (left: TimeRange, right: TimeRange): TimeRange => {
  return { fromMs: left.fromMs, untilMs: Math.max(left.untilMs, right.untilMs) };
};

function indexAfterSmallestDistance(ranges: readonly TimeRange[]): number {
  let smallestMs = Number.POSITIVE_INFINITY;
  let found = 1;
  let previousUntilMs = Number.NEGATIVE_INFINITY;
  for (const [index, { fromMs, untilMs }] of ranges.entries()) {
    if (fromMs - previousUntilMs < smallestMs) {
      smallestMs = fromMs - previousUntilMs;
      found = index;
    }
    previousUntilMs = untilMs;
  }
  return found;
}
