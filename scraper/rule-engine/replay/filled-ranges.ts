import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";

/** Ranges with a smaller distance are evaluated as one. */
const JOINED_MS = 600_000;
/** With more ranges than this, the time between them is evaluated, too. */
export const MAX_FILLED_RANGES = 100;

/** A range of a target whose samples were fetched later. */
export interface FilledRange extends TimeRange {
  /** Labels of the target. */
  readonly labels: Labels;
  readonly cause: "master_down" | "link_down";
  /** The target was not known before the range, so nobody can have waited for its alerts. */
  readonly isFirstSight: boolean;
}

/** The properties of a gap that matter here. */
export interface TargetGap {
  readonly instance: string;
  readonly job: string;
  readonly fromMs: number;
  /** Undefined while the gap lasts. */
  readonly untilMs: number | undefined;
  readonly state: string;
}

/** Identifies a target in rules and files. */
export const targetOf = (labels: Labels): string =>
  keyOf(labels.get("instance"), labels.get("job"));

/** Merges ranges that overlap or nearly touch. The result is ascending. */
export function joinRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const sorted = [...ranges].sort((left, right) => left.fromMs - right.fromMs);
  const joined: TimeRange[] = [];
  for (const { fromMs, untilMs } of sorted) {
    const last = joined.at(-1);
    if (last === undefined || fromMs - last.untilMs > JOINED_MS) joined.push({ fromMs, untilMs });
    else
      joined[joined.length - 1] = { fromMs: last.fromMs, untilMs: Math.max(last.untilMs, untilMs) };
  }
  const [first, last] = [joined[0], joined.at(-1)];
  if (joined.length <= MAX_FILLED_RANGES || first === undefined || last === undefined)
    return joined;
  return [{ fromMs: first.fromMs, untilMs: last.untilMs }];
}

/** Answers whether a target had samples at a given time. */
export class TargetTimes {
  private readonly gaps = new Map<string, TargetGap[]>();

  constructor(gaps: readonly TargetGap[]) {
    for (const gap of gaps) {
      // A rule may have dropped the label job.
      for (const key of [keyOf(gap.instance, gap.job), keyOf(gap.instance, "")]) {
        const known = this.gaps.get(key);
        if (known === undefined) this.gaps.set(key, [gap]);
        else known.push(gap);
      }
    }
  }

  /**
   * True when the target was in a gap at that time that was not filled. Labels without `instance`
   * are never silent.
   */
  isSilentAt(labels: Labels, timeMs: number): boolean {
    return this.of(labels).some(
      ({ fromMs, untilMs, state }) =>
        state !== "filled" && fromMs <= timeMs && timeMs < (untilMs ?? Number.POSITIVE_INFINITY),
    );
  }

  /**
   * The end of the first filled gap of the target that overlaps the range.
   *
   * @returns undefined when there is none; for labels without `instance`, the end of `whole`
   */
  filledUntilMs(labels: Labels, range: TimeRange, whole: TimeRange): number | undefined {
    if (!labels.has("instance")) return whole.untilMs;
    const ends = this.of(labels).flatMap(({ fromMs, untilMs, state }) =>
      state === "filled" &&
      untilMs !== undefined &&
      fromMs <= range.untilMs &&
      range.fromMs <= untilMs
        ? [untilMs]
        : [],
    );
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  private of(labels: Labels): readonly TargetGap[] {
    if (!labels.has("instance")) return [];
    return this.gaps.get(keyOf(labels.get("instance"), labels.get("job"))) ?? [];
  }
}

const keyOf = (instance: string, job: string): string => `${job} ${instance}`;
