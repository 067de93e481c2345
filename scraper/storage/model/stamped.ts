import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import type { Pace } from "./querier.js";

/** The samples of one series, strictly ascending in time. Series with equal times may share the array. */
export interface SeriesSamples {
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

export const NO_SAMPLES: SeriesSamples = {
  timestamps: new Float64Array(0),
  values: new Float64Array(0),
};

/** The stamped samples of a table that a query reads from one place: a window, a chunk or a block. */
export interface StampedPart {
  /** Label sets of the wanted series, without target labels. */
  readonly labels: readonly Labels[];
  /**
   * Reads the samples in `range`.
   *
   * @returns one per label set; those with equal times share the array of times
   * @throws {DamagedDataError} when the bytes are damaged, and what `pace` throws
   */
  read(range: TimeRange, pace: Pace): Promise<readonly SeriesSamples[]> | readonly SeriesSamples[];
}

/** The times of several parts as one list, and how to join their values in the same way. */
export interface JoinedTimes {
  readonly timestamps: Float64Array;
  /** Index of each time among the times of all parts; undefined when all follow one another. */
  readonly order: Uint32Array | undefined;
}

/**
 * Joins the times of one series from several parts. Of two equal times, the one of the earlier part stays.
 *
 * @param parts in the order of writing; each may be in any order
 */
export function joinTimes(parts: readonly Float64Array[]): JoinedTimes {
  const [only] = parts;
  const all = parts.length === 1 && only !== undefined ? only : concatenated(parts);
  if (isAscending(all)) return { timestamps: all, order: undefined };
  const order = Uint32Array.from(all.keys());
  order.sort((left, right) => (all[left] as number) - (all[right] as number) || left - right);
  let kept = 0;
  for (const index of order) {
    if (kept > 0 && all[index] === all[order[kept - 1] as number]) continue;
    order[kept++] = index;
  }
  const shortened = order.slice(0, kept);
  return {
    timestamps: Float64Array.from(shortened, (index) => all[index] as number),
    order: shortened,
  };
}

/** Joins the values of the parts whose times were joined. */
export function joinValues(
  parts: readonly Float64Array[],
  { order }: Pick<JoinedTimes, "order">,
): Float64Array {
  const [only] = parts;
  const all = parts.length === 1 && only !== undefined ? only : concatenated(parts);
  if (order === undefined) return all;
  // Bits are copied as they are: values may be special NaNs.
  const words = new BigUint64Array(all.buffer, all.byteOffset, all.length);
  const joined = new BigUint64Array(order.length);
  for (const [at, index] of order.entries()) joined[at] = words[index] as bigint;
  return new Float64Array(joined.buffer);
}

/** Finds equal lists of times, so that series with equal times share one. */
export class TimesInterner {
  private readonly known = new Map<number, Float64Array[]>();

  /** @returns `times`, or the equal list that came first */
  of(times: Float64Array): Float64Array {
    const key = hashOf(times);
    const alike = this.known.get(key);
    if (alike === undefined) {
      this.known.set(key, [times]);
      return times;
    }
    const same = alike.find((other) => areEqual(other, times));
    if (same === undefined) alike.push(times);
    return same ?? times;
  }
}

/** The rows of times within a range. */
export function rowsWithin(timestamps: Float64Array, range: TimeRange): [number, number] {
  return [firstAtOrAfter(timestamps, range.fromMs), firstAtOrAfter(timestamps, range.untilMs)];
}

/** Cuts samples to a range. Samples that share an array of times still do afterwards. */
export class SampleCutter {
  private lastTimes: Float64Array | undefined;
  private lastCut: Float64Array = NO_SAMPLES.timestamps;
  private from = 0;
  private readonly known = new Map<Float64Array, [Float64Array, number]>();

  constructor(private readonly range: TimeRange) {}

  cut({ timestamps, values }: SeriesSamples): SeriesSamples {
    if (timestamps !== this.lastTimes) this.find(timestamps);
    const { lastCut, from } = this;
    if (lastCut.length === timestamps.length) return { timestamps: lastCut, values };
    if (lastCut.length === 0) return NO_SAMPLES;
    return { timestamps: lastCut, values: values.subarray(from, from + lastCut.length) };
  }

  private find(timestamps: Float64Array): void {
    this.lastTimes = timestamps;
    const known = this.known.get(timestamps);
    if (known !== undefined) [this.lastCut, this.from] = known;
    else {
      const [from, until] = rowsWithin(timestamps, this.range);
      const isWhole = from === 0 && until === timestamps.length;
      this.lastCut = isWhole ? timestamps : timestamps.subarray(from, Math.max(from, until));
      this.from = from;
      this.known.set(timestamps, [this.lastCut, from]);
    }
  }
}

/** Lists that differ only in some missing times must differ here, too: there may be very many of them. */
function hashOf(times: Float64Array): number {
  let hash = times.length;
  for (let index = 0; index < times.length; index++)
    hash = (Math.imul(hash, 31) + ((times[index] as number) % 4_294_967_296)) | 0;
  return hash;
}

function areEqual(left: Float64Array, right: Float64Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

function isAscending(times: Float64Array): boolean {
  for (let index = 1; index < times.length; index++)
    if ((times[index] as number) <= (times[index - 1] as number)) return false;
  return true;
}

/** One column after the other. */
export function concatenated(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}
