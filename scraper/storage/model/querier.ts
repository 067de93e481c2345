import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { LabelMatcher } from "./label-matcher.js";
import type { Pace } from "./pace.js";

/** Series that were sampled at the same instants and so share one column of timestamps. */
export interface SelectedTable {
  /** Milliseconds since the Unix epoch, strictly ascending. Not to be written to. */
  readonly timestamps: Float64Array;
  readonly series: readonly SelectedSeries[];
}

export interface SelectedSeries {
  readonly labels: Labels;
  /** One value per timestamp; may hold staleness markers and ABSENT (special-values.ts). Not to be written to. */
  readonly values: Float64Array;
  /** True when no value is a staleness marker or ABSENT: then no bits need looking at. */
  readonly dense: boolean;
}

/** What queries may ask of the storage. Every label set occurs at most once in an answer. */
export interface Querier {
  /**
   * Finds the samples of all series that satisfy every matcher, `fromMs` and `untilMs` being half-open.
   * A series without a sample in the range may be left out. The order of tables and series is not defined.
   *
   * @param pace lets other work run meanwhile, and ends the reading when nobody waits for it any more
   */
  select(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace?: Pace,
  ): Promise<SelectedTable[]>;
  /** Label sets with a sample in the range, for each list of matchers; no matcher list at all means every series. */
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

/** Series are wanted that satisfy all matchers of one of the lists. */
export type MatcherSets = readonly (readonly LabelMatcher[])[];
