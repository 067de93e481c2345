import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";

/** A bucket of a classic histogram, whose count includes all buckets with lower bounds. */
export interface Bucket {
  upperBound: number;
  count: number;
}

export interface BucketQuantile {
  readonly value: number;
  /** True when a count was lower than the one before it and had to be raised. */
  readonly forcedMonotonic: boolean;
}

/** Relative differences up to this size are rounding errors. */
const COUNT_TOLERANCE = 1e-12;

/**
 * The φ-quantile, interpolated linearly within its bucket. The lowest bucket starts at 0 if its
 * upper bound is positive. In the highest bucket the result is the bound below it.
 *
 * @param buckets in any order; sorted in place
 */
export function bucketQuantile(quantile: number, buckets: Bucket[]): BucketQuantile {
  const plain = (value: number): BucketQuantile => ({ value, forcedMonotonic: false });
  if (Number.isNaN(quantile)) return plain(NaN);
  if (quantile < 0) return plain(-Infinity);
  if (quantile > 1) return plain(Infinity);
  const histogram = normalize(buckets);
  if (histogram === undefined) return plain(NaN);
  const { merged, total, forcedMonotonic } = histogram;
  if (merged.length < 2 || total === 0) return plain(NaN);
  const rank = quantile * total;
  const highest = merged.length - 1;
  const index = merged.findIndex(({ count }, at) => at === highest || count >= rank);
  const { upperBound, count } = itemAt(merged, index);
  if (index === 0 && upperBound <= 0) return { value: upperBound, forcedMonotonic };
  const below = index === 0 ? { upperBound: 0, count: 0 } : itemAt(merged, index - 1);
  if (index === highest) return { value: below.upperBound, forcedMonotonic };
  const share = (rank - below.count) / (count - below.count);
  return { value: below.upperBound + (upperBound - below.upperBound) * share, forcedMonotonic };
}

/**
 * The fraction of observations between two bounds, interpolated linearly within buckets.
 *
 * @param buckets in any order; sorted in place
 */
export function bucketFraction(lower: number, upper: number, buckets: Bucket[]): number {
  const histogram = normalize(buckets);
  if (histogram === undefined) return NaN;
  const { merged, total } = histogram;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, merged) - rankOf(lower, merged)) / total;
}

/**
 * The number of observations up to `bound`. Buckets with an infinite bound cannot be interpolated:
 * a bound within the lowest one counts all of its observations, a bound within the highest one
 * counts none.
 */
function rankOf(bound: number, merged: readonly Bucket[]): number {
  let below: Bucket = { upperBound: -Infinity, count: 0 };
  for (const [index, bucket] of merged.entries()) {
    const lowerBound = index === 0 && bucket.upperBound > 0 ? 0 : below.upperBound;
    if (bound <= lowerBound) return below.count;
    if (bound < bucket.upperBound) {
      if (lowerBound === -Infinity) return bucket.count;
      if (bucket.upperBound === Infinity) return below.count;
      const share = (bound - lowerBound) / (bucket.upperBound - lowerBound);
      return below.count + (bucket.count - below.count) * share;
    }
    below = bucket;
  }
  return below.count;
}

interface CumulativeHistogram {
  /**
   * At least one bucket, in ascending order of bounds, each bound once, with counts that never
   * fall.
   */
  readonly merged: Bucket[];
  /** The count of the highest bucket. */
  readonly total: number;
  readonly forcedMonotonic: boolean;
}

/** Sorts and repairs the buckets; undefined when the highest bound is not infinite. */
function normalize(buckets: Bucket[]): CumulativeHistogram | undefined {
  buckets.sort((left, right) => left.upperBound - right.upperBound || 0);
  if (buckets.at(-1)?.upperBound !== Infinity) return undefined;
  const merged: Bucket[] = [];
  for (const { upperBound, count } of buckets) {
    const last = merged.at(-1);
    if (last?.upperBound === upperBound) last.count += count;
    else merged.push({ upperBound, count });
  }
  removeRoundingErrors(merged);
  const forcedMonotonic = raiseFallingCounts(merged);
  return { merged, total: itemAt(merged, -1).count, forcedMonotonic };
}

function removeRoundingErrors(buckets: readonly Bucket[]): void {
  let previous = itemAt(buckets, 0).count;
  for (const bucket of buckets) {
    const difference = Math.abs(bucket.count - previous);
    if (difference === 0) continue;
    if (difference / bucket.count <= COUNT_TOLERANCE) bucket.count = previous;
    else previous = bucket.count;
  }
}

function raiseFallingCounts(buckets: readonly Bucket[]): boolean {
  let highest = itemAt(buckets, 0).count;
  let isForced = false;
  for (const bucket of buckets) {
    if (bucket.count > highest) highest = bucket.count;
    if (bucket.count >= highest || Number.isNaN(bucket.count)) continue;
    bucket.count = highest;
    isForced = true;
  }
  return isForced;
}
