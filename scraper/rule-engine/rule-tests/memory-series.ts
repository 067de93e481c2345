import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { compareStrings } from "../../../exporter/shared/model/labels.js";
import {
  bitsOf,
  isAbsentAt,
  isStaleAt,
  setStaleAt,
} from "../../../exporter/shared/model/special-values.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstIndexWhere } from "../../base/binary-search.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import type { Querier, SelectedTable } from "../../storage/model/querier.js";
import type {
  Layout,
  SampleWriter,
  TableKey,
  TableWriter,
} from "../../storage/model/sample-writer.js";

interface Series {
  readonly labels: Labels;
  /** Ascending. */
  readonly times: number[];
  /** Undefined stands for a staleness marker. */
  readonly values: (number | undefined)[];
}

/** An in-memory storage for rule unit tests. The first sample of a series and time is kept. */
export class MemorySeries implements Querier, SampleWriter {
  private readonly stored = new Map<string, Series>();
  private layouts = 0;

  add(labels: Labels, timeMs: number, value: number | undefined): void {
    const series = this.stored.get(labels.key) ?? { labels, times: [], values: [] };
    this.stored.set(labels.key, series);
    const index = lowerBound(series.times, timeMs);
    if (series.times[index] === timeMs) return;
    series.times.splice(index, 0, timeMs);
    series.values.splice(index, 0, value);
  }

  internLayout(series: readonly Labels[]): Layout {
    return { id: this.layouts++, series };
  }

  async internLayoutInSlices(series: readonly Labels[]): Promise<Layout> {
    return this.internLayout(series);
  }

  holdLayouts(): () => void {
    return () => undefined; // Nothing is forgotten.
  }

  openTable({ labels: tableLabels }: TableKey): TableWriter {
    const allLabels = (labels: Labels): Labels =>
      tableLabels.pairs.length === 0
        ? labels
        : labels.with({ ...tableLabels.toObject(), ...labels.toObject() });
    return {
      prepare: async () => undefined,
      append: (timestampMs, layout, values) => {
        const bits = bitsOf(values);
        layout.series.forEach((labels, index) => {
          if (isAbsentAt(bits, index)) return;
          const value = isStaleAt(bits, index) ? undefined : values[index];
          this.add(allLabels(labels), timestampMs, value);
        });
        return "appended";
      },
      appendStamped: ({ layout, columns, timestamps, values }) => {
        for (const [index, timestampMs] of timestamps.entries()) {
          const labels = itemAt(layout.series, columns?.[index] ?? index);
          this.add(allLabels(labels), timestampMs, values[index]);
        }
        return 0;
      },
    };
  }

  async commit(): Promise<void> {
    // Memory needs no commit.
  }

  async select(
    matchers: readonly LabelMatcher[],
    { fromMs, untilMs }: TimeRange,
  ): Promise<SelectedTable[]> {
    return this.matching(matchers).flatMap(({ labels, times, values }): SelectedTable[] => {
      const [from, until] = [lowerBound(times, fromMs), lowerBound(times, untilMs)];
      if (from === until) return [];
      const selected = Float64Array.from(values.slice(from, until), (value) => value ?? 0);
      const bits = bitsOf(selected);
      let dense = true;
      for (let index = from; index < until; index++) {
        if (values[index] !== undefined) continue;
        dense = false;
        setStaleAt(bits, index - from);
      }
      return [
        {
          timestamps: Float64Array.from(times.slice(from, until)),
          series: [{ labels, values: selected, dense }],
        },
      ];
    });
  }

  async series(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<Labels[]> {
    const sets = matcherSets.length === 0 ? [[]] : matcherSets;
    const found = new Map(
      sets
        .flatMap((matchers) => this.matching(matchers))
        .map((series) => [series.labels.key, series]),
    );
    return [...found.values()]
      .filter(({ times }) => lowerBound(times, range.fromMs) < lowerBound(times, range.untilMs))
      .map(({ labels }) => labels);
  }

  async labelNames(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const found = await this.series(matcherSets, range);
    return [...new Set(found.flatMap(({ pairs }) => pairs.map(([name]) => name)))].sort(
      compareStrings,
    );
  }

  async labelValues(
    name: string,
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const found = await this.series(matcherSets, range);
    return [
      ...new Set(found.map((labels) => labels.get(name)).filter((value) => value !== "")),
    ].sort(compareStrings);
  }

  private matching(matchers: readonly LabelMatcher[]): Series[] {
    return [...this.stored.values()].filter(({ labels }) =>
      matchers.every((matcher) => matcher.matches(labels.get(matcher.name))),
    );
  }
}

const lowerBound = (times: readonly number[], timeMs: number): number =>
  firstIndexWhere(times, (time) => time >= timeMs);
