import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { LabelMatcher } from "./label-matcher.js";

/** Series that were sampled at the same instants and share one column of timestamps. */
export interface SelectedTable {
  /** Milliseconds since the Unix epoch, strictly ascending. Read only. */
  readonly timestamps: Float64Array;
  readonly series: readonly SelectedSeries[];
}

export interface SelectedSeries {
  readonly labels: Labels;
  /** One value per timestamp; may hold staleness markers and ABSENT (special-values.ts). Read only. */
  readonly values: Float64Array;
  /** True when no value is a staleness marker or ABSENT: then no bits need be compared. */
  readonly dense: boolean;
}

/** One sample of each series. */
export interface NewestSamples {
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly timestamps: Float64Array;
}

/** A list of lists: a series is wanted when it satisfies all matchers of one of them. */
export type MatcherSets = readonly (readonly LabelMatcher[])[];

/** The read side of the storage, for queries. Every label set occurs at most once in an answer. */
export interface Querier {
  /**
   * Finds the samples of all series that satisfy every matcher. A series without a sample in the
   * range may be left out. The order of tables and series is not defined.
   *
   * @param pace lets other work run meanwhile, and ends the query when its client has gone
   */
  select(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace?: Pace,
  ): Promise<SelectedTable[]>;
  /**
   * Finds the newest sample of each series that satisfies every matcher, in a range that is newer than
   * all blocks. Staleness markers end a series.
   *
   * @returns undefined when `select` has to find them
   */
  newest?(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace?: Pace,
  ): Promise<NewestSamples | undefined>;
  /** Label sets with a sample in the range. No matcher list at all means every series. */
  series(matcherSets: MatcherSets, range: TimeRange, pace?: Pace): Promise<Labels[]>;
  /** Sorted. */
  labelNames(matcherSets: MatcherSets, range: TimeRange, pace?: Pace): Promise<string[]>;
  /** Sorted. */
  labelValues(
    name: string,
    matcherSets: MatcherSets,
    range: TimeRange,
    pace?: Pace,
  ): Promise<string[]>;
}

/**
 * Interrupts a long read for other work. It is the storage's view of PromQL's `Pacer`. Loops report
 * their work: `if (pace.isDue(values)) await pace.pause();`
 */
export interface Pace {
  /** @param values how many values have been looked at since the last call */
  isDue(values: number): boolean;
  /**
   * Lets other work run.
   *
   * @throws an error that ends the query: it has timed out, or its client has gone
   */
  pause(): Promise<void>;
  /**
   * Takes memory for data that is about to be read.
   *
   * @throws an error that ends the query: there is not enough
   */
  hold(bytes: number): void;
}

/** For short reads, which run to their end. */
export const NEVER_PAUSE: Pace = {
  isDue: () => false,
  pause: () => Promise.resolve(),
  hold: () => undefined,
};
