import { compareStrings, type Labels } from "../../exporter/shared/model/labels.js";
import { bitsOf, setAbsentAt, setStaleAt } from "../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { LabelMatcher } from "../../scraper/storage/model/label-matcher.js";
import type {
  Querier,
  SelectedSeries,
  SelectedTable,
} from "../../scraper/storage/model/querier.js";

/** A value, a staleness marker, or nothing. */
export type MemorySample = number | "stale" | undefined;

interface MemorySeries {
  readonly labels: Labels;
  readonly samples: Map<number, number | "stale">;
}

/**
 * Series in memory. `shared` returns one table whose series have gaps, `separate` a table per
 * series: the two forms in which the storage returns the same samples.
 */
export class MemoryQuerier implements Querier {
  private readonly stored = new Map<string, MemorySeries>();

  constructor(private readonly shape: "shared" | "separate" = "shared") {}

  /** Adds samples `stepMs` apart to a series. */
  add(
    labels: Labels,
    samples: readonly MemorySample[],
    { fromMs = 0, stepMs }: { readonly fromMs?: number; readonly stepMs: number },
  ): void {
    let series = this.stored.get(labels.key);
    if (series === undefined)
      this.stored.set(labels.key, (series = { labels, samples: new Map() }));
    for (const [index, sample] of samples.entries()) {
      if (sample !== undefined) series.samples.set(fromMs + index * stepMs, sample);
    }
  }

  clear(): void {
    this.stored.clear();
  }

  async select(matchers: readonly LabelMatcher[], range: TimeRange): Promise<SelectedTable[]> {
    const chosen = this.matching([matchers], range);
    if (this.shape === "separate") return chosen.map((series) => tableOf([series], range));
    return chosen.length === 0 ? [] : [tableOf(chosen, range)];
  }

  async series(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<Labels[]> {
    return this.matching(matcherSets, range).map(({ labels }) => labels);
  }

  async labelNames(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const names = this.matching(matcherSets, range).flatMap(({ labels }) =>
      labels.pairs.map(([name]) => name),
    );
    return [...new Set(names)].sort(compareStrings);
  }

  async labelValues(
    name: string,
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const values = this.matching(matcherSets, range).map(({ labels }) => labels.get(name));
    return [...new Set(values.filter((value) => value !== ""))].sort(compareStrings);
  }

  private matching(
    matcherSets: readonly (readonly LabelMatcher[])[],
    { fromMs, untilMs }: TimeRange,
  ): MemorySeries[] {
    return [...this.stored.values()].filter(({ labels, samples }) => {
      const isMatch = (matchers: readonly LabelMatcher[]): boolean =>
        matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
      if (matcherSets.length > 0 && !matcherSets.some(isMatch)) return false;
      return [...samples.keys()].some((timeMs) => timeMs >= fromMs && timeMs < untilMs);
    });
  }
}

function tableOf(series: readonly MemorySeries[], { fromMs, untilMs }: TimeRange): SelectedTable {
  const times = new Set(series.flatMap(({ samples }) => [...samples.keys()]));
  const inRange = [...times].filter((timeMs) => timeMs >= fromMs && timeMs < untilMs);
  const timestamps = Float64Array.from(inRange).sort();
  return { timestamps, series: series.map((each) => columnOf(each, timestamps)) };
}

function columnOf({ labels, samples }: MemorySeries, timestamps: Float64Array): SelectedSeries {
  const values = new Float64Array(timestamps.length);
  const bits = bitsOf(values);
  let dense = true;
  for (const [index, timeMs] of timestamps.entries()) {
    const sample = samples.get(timeMs);
    if (typeof sample === "number") {
      values[index] = sample;
      continue;
    }
    dense = false;
    if (sample === "stale") setStaleAt(bits, index);
    else setAbsentAt(bits, index);
  }
  return { labels, values, dense };
}
