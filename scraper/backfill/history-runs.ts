import { LayoutIndex } from "../host-logs/layout-reading.js";
import type { SampleGroup, WrittenSeries } from "./sample-groups.js";

const RUN_END = "pihealth_collector_success";
const ABOUT_RUN = "pihealth_collector_";

/** The samples of a group that one run of a collector wrote. */
export interface RunPlan {
  /** Undefined for samples that belong to no run, as other programs write them. */
  readonly collector: string | undefined;
  /** Index of its samples without the samples about the run. */
  readonly index: LayoutIndex;
  /** Its samples, then those about the run. */
  readonly series: readonly WrittenSeries[];
  /**
   * Index of its first sample in the group, and of the sample that says whether the run succeeded.
   */
  readonly from: number;
  readonly endAt: number;
}

/** Splits groups of samples into the runs of collectors. See history.format.md. */
export class HistoryRuns {
  private readonly plans = new WeakMap<SampleGroup, readonly RunPlan[]>();

  of(group: SampleGroup): readonly RunPlan[] {
    const known = this.plans.get(group);
    if (known !== undefined) return known;
    const plans = [...plansOf(group.series)];
    this.plans.set(group, plans);
    return plans;
  }
}

/**
 * The samples of a run come first, then those about the run, of which the first says whether it
 * succeeded.
 */
function* plansOf(series: readonly WrittenSeries[]): Generator<RunPlan> {
  for (let from = 0; from < series.length;) {
    const endAt = findFrom(series, from, (name) => name === RUN_END);
    const until = findFrom(
      series,
      endAt + 1,
      (name) => !name.startsWith(ABOUT_RUN) || name === RUN_END,
    );
    const collector = series[endAt]?.written?.labels.get("collector");
    const own = series.slice(from, endAt);
    const index = new LayoutIndex({
      series: own.flatMap(({ written }) => (written === undefined ? [] : [written.labels])),
    });
    yield { collector, index, series: series.slice(from, until), from, endAt };
    from = until;
  }
}

/** The length when nothing is found. */
function findFrom(
  series: readonly WrittenSeries[],
  from: number,
  isWanted: (name: string) => boolean,
): number {
  const found = series.findIndex(
    ({ written }, index) => index >= from && isWanted(written?.labels.name ?? ""),
  );
  return found < 0 ? series.length : found;
}
