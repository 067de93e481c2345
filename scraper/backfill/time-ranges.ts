import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { firstIndexWhere } from "../base/binary-search.js";

/** Ranges of one set at the most; above it the two closest neighbours become one. */
export const MAX_RANGES = 1000;

/** The same instants as disjoint ranges in ascending order; empty ranges vanish, ranges that touch become one. */
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

/** What of `ranges` is not in `removed`. Both in any order; the result is disjoint and ascending. */
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

/** What is in both. */
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
 * The times that samples at these instants cover: from each to the next, where they are close enough together.
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

/** A set no larger than `MAX_RANGES`: rather too much is fetched than anything forgotten. */
export function boundRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const bounded = [...ranges];
  while (bounded.length > MAX_RANGES) {
    let closest = 1;
    for (let index = 2; index < bounded.length; index++) {
      if (distanceBefore(bounded, index) < distanceBefore(bounded, closest)) closest = index;
    }
    const [left, right] = bounded.slice(closest - 1, closest + 1) as [TimeRange, TimeRange];
    bounded.splice(closest - 1, 2, joined(left, right));
  }
  return bounded;
}

const joined = (left: TimeRange, right: TimeRange): TimeRange => {
  return { fromMs: left.fromMs, untilMs: Math.max(left.untilMs, right.untilMs) };
};

const distanceBefore = (ranges: readonly TimeRange[], index: number): number =>
  (ranges[index] as TimeRange).fromMs - (ranges[index - 1] as TimeRange).untilMs;
