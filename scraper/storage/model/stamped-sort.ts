import {
  type JoinedTimes,
  joinTimes,
  joinValues,
  type SeriesSamples,
  TimesInterner,
} from "./stamped.js";

/** Samples of any series in any order, one after the other. The arrays may be longer than `count`. */
export interface FlatSamples {
  /** Number of the series of each sample. */
  readonly columns: Uint32Array;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  readonly count: number;
}

/**
 * Sorts samples, some after the other, by series and time. It counts first, so a series keeps the order of arrival: of two samples
 * at one instant, the first one stays.
 *
 * @returns one per series; those with equal times share the array of times
 */
export function sortBySeries(parts: readonly FlatSamples[], seriesCount: number): SeriesSamples[] {
  const ends = new Uint32Array(seriesCount + 1);
  let total = 0;
  for (const { columns, count } of parts) {
    total += count;
    for (let index = 0; index < count; index++) {
      const next = (columns[index] as number) + 1;
      ends[next] = (ends[next] as number) + 1;
    }
  }
  for (let column = 0; column < seriesCount; column++)
    ends[column + 1] = (ends[column + 1] as number) + (ends[column] as number);
  const times = new Float64Array(total);
  const values = new Float64Array(total);
  for (const part of parts) {
    for (let index = 0; index < part.count; index++) {
      const column = part.columns[index] as number;
      const at = ends[column] as number;
      times[at] = part.timestamps[index] as number;
      values[at] = part.values[index] as number;
      ends[column] = at + 1;
    }
  }
  return cutIntoSeries(times, values, ends.subarray(0, seriesCount));
}

function cutIntoSeries(
  times: Float64Array,
  values: Float64Array,
  ends: Uint32Array,
): SeriesSamples[] {
  const interner = new TimesInterner();
  const joinedOf = new Map<Float64Array, JoinedTimes>();
  let from = 0;
  return Array.from(ends, (until) => {
    const own = interner.of(times.subarray(from, until));
    const ownValues = values.subarray(from, until);
    from = until;
    let joined = joinedOf.get(own);
    if (joined === undefined) joinedOf.set(own, (joined = joinTimes([own])));
    return { timestamps: joined.timestamps, values: joinValues([ownValues], joined) };
  });
}
