/** One bucket of a classic histogram: how many observations were at most `upperBound`. */
export interface Bucket {
  upperBound: number;
  count: number;
}

export interface BucketQuantile {
  readonly value: number;
  /** Counts fell from one bucket to the next and were lifted. */
  readonly forcedMonotonic: boolean;
}

/** Differences this small, relative to the count, come from floating-point arithmetic. */
const COUNT_TOLERANCE = 1e-12;

/**
 * The φ-quantile, interpolated linearly inside of its bucket. The lowest bucket begins at 0 if its upper bound is
 * positive; in the highest bucket the answer is the bound below.
 *
 * @param buckets in any order; changed
 */
export function bucketQuantile(quantile: number, buckets: Bucket[]): BucketQuantile {
  const plain = (value: number): BucketQuantile => ({ value, forcedMonotonic: false });
  if (Number.isNaN(quantile)) return plain(NaN);
  if (quantile < 0) return plain(-Infinity);
  if (quantile > 1) return plain(Infinity);
  const cumulative = normalize(buckets);
  if (cumulative === undefined) return plain(NaN);
  const { merged, forcedMonotonic } = cumulative;
  const total = (merged.at(-1) as Bucket).count;
  if (merged.length < 2 || total === 0) return plain(NaN);
  const rank = quantile * total;
  const index = merged.slice(0, -1).findIndex(({ count }) => count >= rank);
  if (index < 0) return { value: (merged.at(-2) as Bucket).upperBound, forcedMonotonic };
  const { upperBound, count } = merged[index] as Bucket;
  if (index === 0 && upperBound <= 0) return { value: upperBound, forcedMonotonic };
  const below = index === 0 ? { upperBound: 0, count: 0 } : (merged[index - 1] as Bucket);
  const share = (rank - below.count) / (count - below.count);
  return { value: below.upperBound + (upperBound - below.upperBound) * share, forcedMonotonic };
}

/**
 * The share of observations between two bounds, interpolated linearly inside of buckets.
 *
 * @param buckets in any order; changed
 */
export function bucketFraction(lower: number, upper: number, buckets: Bucket[]): number {
  const merged = normalize(buckets)?.merged;
  if (merged === undefined || merged.length < 1) return NaN;
  const total = (merged.at(-1) as Bucket).count;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, merged) - rankOf(lower, merged)) / total;
}

/**
 * How many observations were at most `bound`. The open ends of the outer buckets cannot be divided: a bound inside
 * of the lowest counts all of it, a bound inside of the highest none of it.
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

/** Sorted, one bucket per bound, counts that never fall; undefined when the highest bound is not infinite. */
function normalize(buckets: Bucket[]): { merged: Bucket[]; forcedMonotonic: boolean } | undefined {
  buckets.sort((left, right) => left.upperBound - right.upperBound || 0);
  if (buckets.at(-1)?.upperBound !== Infinity) return undefined;
  const merged: Bucket[] = [];
  for (const { upperBound, count } of buckets) {
    const last = merged.at(-1);
    if (last?.upperBound === upperBound) last.count += count;
    else merged.push({ upperBound, count });
  }
  smoothPrecisionErrors(merged);
  return { merged, forcedMonotonic: liftFallingCounts(merged) };
}

function smoothPrecisionErrors(buckets: readonly Bucket[]): void {
  let previous = (buckets[0] as Bucket).count;
  for (const bucket of buckets.slice(1)) {
    const difference = Math.abs(bucket.count - previous);
    if (difference === 0) continue;
    if (difference / bucket.count <= COUNT_TOLERANCE) bucket.count = previous;
    else previous = bucket.count;
  }
}

function liftFallingCounts(buckets: readonly Bucket[]): boolean {
  let highest = (buckets[0] as Bucket).count;
  let isForced = false;
  for (const bucket of buckets) {
    if (bucket.count > highest) highest = bucket.count;
    if (bucket.count >= highest || Number.isNaN(bucket.count)) continue;
    bucket.count = highest;
    isForced = true;
  }
  return isForced;
}
