import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import { type FamilyReading, formatFamilyLines, type LabelledValue } from "../../exporter/shared/model/human-lines.js";
import { LayoutIndex, LayoutReading } from "../host-logs/layout-reading.js";
import type { GroupedSamples, SampleGroup } from "./sample-groups.js";

/** A family's line is made of what its collectors said at most this long before. */
const FRESH_MS = 600_000;
const RUN_END = "pihealth_collector_success";
const ABOUT_RUN = "pihealth_collector_";

/** Which samples of a group are those of one run of a collector. */
interface RunPlan {
  readonly collector: string;
  readonly index: LayoutIndex;
  /** Where its samples begin in the group, and where the one stands that says whether it succeeded. */
  readonly from: number;
  readonly endAt: number;
}

/** The last successful run of a collector. */
interface Run {
  readonly timestampMs: number;
  readonly index: LayoutIndex;
  readonly values: Float64Array;
}

/**
 * Makes the lines for people from the samples of a history: for every successful run of a family's collector what
 * scraping right after it would have shown.
 */
export class HistoryLines {
  private readonly plans = new WeakMap<SampleGroup, readonly RunPlan[]>();
  private readonly runs = new Map<string, Run>();

  /** Takes samples in the order of the history, those of all times: a line shows what other collectors said before. */
  read(timestampMs: number, { group, values }: GroupedSamples, onLines: (family: Family, lines: string[]) => void): void {
    for (const { collector, index, from, endAt } of this.plansOf(group)) {
      if (values[endAt] !== 1) continue;
      this.runs.set(collector, { timestampMs, index, values: values.subarray(from, endAt) });
      const family = FAMILIES.find((one) => one === collector);
      if (family !== undefined) onLines(family, formatFamilyLines(family, new RunsReading(timestampMs, this.runs)));
    }
  }

  /** The samples of a run come first, then those about the run. See history.format.md. */
  private plansOf(group: SampleGroup): readonly RunPlan[] {
    const known = this.plans.get(group);
    if (known !== undefined) return known;
    const plans: RunPlan[] = [];
    let from = 0;
    for (const [endAt, { written }] of group.series.entries()) {
      const name = written?.labels.name ?? "";
      if (name === RUN_END) {
        const series = group.series.slice(from, endAt).flatMap((one) => (one.written === undefined ? [] : [one.written.labels]));
        plans.push({ collector: written?.labels.get("collector") ?? "", index: new LayoutIndex({ series }), from, endAt });
      }
      if (name.startsWith(ABOUT_RUN)) from = endAt + 1;
    }
    this.plans.set(group, plans);
    return plans;
  }
}

/** What the last runs say that are not too old. Every metric is of one collector. */
class RunsReading implements FamilyReading {
  private readonly readings: readonly LayoutReading[];

  constructor(
    readonly timeMs: number,
    runs: ReadonlyMap<string, Run>,
  ) {
    const fresh = [...runs.values()].filter(({ timestampMs }) => Math.abs(timeMs - timestampMs) <= FRESH_MS);
    this.readings = fresh.map(({ index, values }) => new LayoutReading(timeMs, index, values));
  }

  value(metric: string, labels?: Readonly<Record<string, string>>): number | undefined {
    for (const reading of this.readings) {
      const value = reading.value(metric, labels);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  series(metric: string): readonly LabelledValue[] {
    return this.readings.map((reading) => reading.series(metric)).find((series) => series.length > 0) ?? [];
  }
}
