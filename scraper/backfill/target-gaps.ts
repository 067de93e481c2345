import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { Gap, GapCause, GapState } from "./gap.js";
import { boundRanges, intersectRanges, MAX_RANGES, subtractRanges } from "./time-ranges.js";

/** Successful scrapes further apart than this many intervals have a gap between them. */
const MISSED_INTERVALS = 1.5;
/** Most filled or lost gaps that are kept for display; the oldest are dropped. */
export const MAX_CLOSED_GAPS = 500;

/** A range of missing samples with its cause as far as it is known. */
export interface MissingRange extends TimeRange {
  readonly cause: GapCause;
}

/** The gaps of one target in the gaps file. */
export interface StoredGaps {
  readonly ongoingFromMs: number | undefined;
  readonly missing: readonly MissingRange[];
  readonly closed: readonly Gap[];
  /** Node id of the Pi whose history may fill the missing ranges. */
  readonly nodeId: string | undefined;
  /** When the file was written; it has all gaps up to this time. */
  readonly knownUntilMs: number;
}

/** The gaps of one target as a set of ranges. Pure state: no files, clock or network. */
export class TargetGaps {
  missing: readonly MissingRange[];
  closed: readonly Gap[];
  nodeId: string | undefined;
  /** Samples are missing since this time; undefined while scrapes succeed. */
  ongoingFromMs: number | undefined;
  /** Time of the last successful scrape in this run. */
  lastGoodMs: number | undefined;
  firstGoodMs: number | undefined;
  /** Time of the first scrape of this run, successful or not. */
  firstOutcomeMs: number | undefined;
  /** True once `noteStart` was called. */
  isStartKnown = false;
  /** `ongoingFromMs` of the previous run, until `noteStart`. */
  private earlierOngoingMs: number | undefined;
  private readonly storedUntilMs: number;

  constructor(stored?: StoredGaps) {
    this.missing = stored?.missing ?? [];
    this.closed = stored?.closed ?? [];
    this.nodeId = stored?.nodeId;
    this.earlierOngoingMs = stored?.ongoingFromMs;
    this.storedUntilMs = stored?.knownUntilMs ?? Number.NEGATIVE_INFINITY;
  }

  /** The time since which samples are missing until now; undefined while scrapes succeed. */
  get missingSinceMs(): number | undefined {
    return this.ongoingFromMs ?? this.earlierOngoingMs;
  }

  /** True when no range can still be filled. */
  get isComplete(): boolean {
    return this.isStartKnown && this.ongoingFromMs === undefined && this.missing.length === 0;
  }

  /** @returns true when the gaps file is out of date now */
  noteScrape(timestampMs: number, ok: boolean, intervalMs: number): boolean {
    this.firstOutcomeMs ??= timestampMs;
    return ok ? this.noteGood(timestampMs, intervalMs) : this.noteFailure(timestampMs);
  }

  /**
   * Adds the gaps before this run. A range that an earlier run has closed stays closed.
   *
   * @param goodMs times of successful scrapes, ascending; may include scrapes of this run
   */
  noteStart(goodMs: readonly number[], intervalMs: number): void {
    const firstMs = this.firstGoodMs ?? Number.POSITIVE_INFINITY;
    const times = goodMs.filter((time) => time < firstMs);
    const lastMs = times.at(-1);
    const ongoingMs = this.earlierOngoingMs;
    this.isStartKnown = true;
    this.earlierOngoingMs = undefined;
    if (ongoingMs !== undefined) {
      this.addEnded({
        fromMs: ongoingMs,
        untilMs: times.find((time) => time > ongoingMs) ?? firstMs,
        cause: "link_down",
      });
    }
    for (const [index, time] of times.entries()) {
      const nextMs = times[index + 1] ?? firstMs;
      if (nextMs <= this.storedUntilMs || nextMs - time <= intervalMs * MISSED_INTERVALS) continue;
      this.addEnded({
        fromMs: time + 1,
        untilMs: nextMs,
        cause: index + 1 < times.length ? "link_down" : "master_down",
      });
    }
    if (this.firstGoodMs !== undefined) return;
    const sinceMs = Math.min(
      ongoingMs ?? Number.POSITIVE_INFINITY,
      (lastMs ?? Number.POSITIVE_INFINITY) + 1,
    );
    if (Number.isFinite(sinceMs)) this.ongoingFromMs = sinceMs;
  }

  /** Adds a missing range. Parts that are missing or closed already keep their cause. */
  addMissing(range: MissingRange): void {
    const rest = subtractRanges([range], [...this.missing, ...this.closed]);
    this.setMissing([...this.missing, ...rest.map((part) => ({ ...part, cause: range.cause }))]);
  }

  /**
   * Closes the parts of the missing ranges that lie in `ranges`.
   *
   * @param cause replaces the known causes
   * @returns the closed parts
   */
  close(
    ranges: readonly TimeRange[],
    state: Extract<GapState, "filled" | "lost">,
    cause?: GapCause,
  ): Gap[] {
    const closing = this.missing.flatMap((missing) =>
      intersectRanges([missing], ranges).map((part): Gap => ({
        ...part,
        cause: cause ?? missing.cause,
        state,
      })),
    );
    this.missing = this.missing.flatMap((missing) =>
      subtractRanges([missing], ranges).map((part) => ({ ...part, cause: missing.cause })),
    );
    this.closed = joinAlike([...this.closed, ...closing]).slice(-MAX_CLOSED_GAPS);
    return closing;
  }

  /** Removes missing ranges without closing them: the target was not known then. */
  forget(ranges: readonly TimeRange[]): void {
    this.missing = this.missing.flatMap((missing) =>
      subtractRanges([missing], ranges).map((part) => ({ ...part, cause: missing.cause })),
    );
  }

  private addEnded(range: MissingRange): void {
    if (Number.isFinite(range.untilMs)) this.addMissing(range);
  }

  private noteGood(timestampMs: number, intervalMs: number): boolean {
    this.firstGoodMs ??= timestampMs;
    const { lastGoodMs, ongoingFromMs } = this;
    this.lastGoodMs = timestampMs;
    if (ongoingFromMs !== undefined) {
      this.ongoingFromMs = undefined;
      this.addMissing({ fromMs: ongoingFromMs, untilMs: timestampMs, cause: "link_down" });
      return true;
    }
    if (lastGoodMs === undefined || timestampMs - lastGoodMs <= intervalMs * MISSED_INTERVALS)
      return false;
    this.addMissing({ fromMs: lastGoodMs + 1, untilMs: timestampMs, cause: "master_down" });
    return true;
  }

  /**
   * Before the first successful scrape the beginning of the gap is not known; `noteStart` finds it.
   */
  private noteFailure(timestampMs: number): boolean {
    if (this.ongoingFromMs !== undefined || this.lastGoodMs === undefined) return false;
    this.ongoingFromMs = Math.min(this.lastGoodMs + 1, timestampMs);
    return true;
  }

  private setMissing(ranges: readonly MissingRange[]): void {
    const sorted = [...ranges].sort((left, right) => left.fromMs - right.fromMs);
    if (sorted.length <= MAX_RANGES) {
      this.missing = sorted;
      return;
    }
    const causeAt = (time: number): GapCause =>
      sorted.find(({ fromMs }) => fromMs === time)?.cause ?? "link_down";
    this.missing = boundRanges(sorted).map((range) => ({ ...range, cause: causeAt(range.fromMs) }));
  }
}

function joinAlike(gaps: readonly Gap[]): Gap[] {
  const sorted = [...gaps].sort((left, right) => left.fromMs - right.fromMs);
  const result: Gap[] = [];
  for (const gap of sorted) {
    const last = result.at(-1);
    const isAlike = last !== undefined && last.cause === gap.cause && last.state === gap.state;
    if (isAlike && gap.fromMs <= last.untilMs) {
      result[result.length - 1] = { ...last, untilMs: Math.max(last.untilMs, gap.untilMs) };
    } else {
      result.push(gap);
    }
  }
  return result;
}
