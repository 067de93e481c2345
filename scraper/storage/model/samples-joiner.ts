import {
  type JoinedTimes,
  joinTimes,
  joinValues,
  NO_SAMPLES,
  type SeriesSamples,
  TimesInterner,
} from "./stamped.js";

/**
 * Joins the parts of series, each read from another place. Series whose parts have the same times share
 * them afterwards, and their times are joined once.
 */
export class SamplesJoiner {
  private readonly interner = new TimesInterner();
  private readonly numberOf = new Map<Float64Array, number>();
  private readonly joinedOf = new Map<string, JoinedTimes>();

  /** @param parts in the order of writing: of two samples at one instant, the earlier part's one stays */
  join(parts: readonly SeriesSamples[]): SeriesSamples {
    const [only] = parts;
    if (only === undefined) return NO_SAMPLES;
    const times = parts.map(({ timestamps }) => timestamps);
    const key = times.map((each) => this.numberFor(each)).join();
    let joined = this.joinedOf.get(key);
    if (joined === undefined) {
      joined = joinTimes(times);
      joined = { ...joined, timestamps: this.interner.of(joined.timestamps) };
      this.joinedOf.set(key, joined);
    }
    const values = joinValues(
      parts.map((part) => part.values),
      joined,
    );
    return { timestamps: joined.timestamps, values };
  }

  private numberFor(times: Float64Array): number {
    const known = this.numberOf.get(times);
    if (known !== undefined) return known;
    const number = this.numberOf.size;
    this.numberOf.set(times, number);
    return number;
  }
}
