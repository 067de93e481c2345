import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { parseSegmentName } from "../../exporter/shared/codec/history/segment-name.js";
import type { HistoryList, HistorySegment } from "../../exporter/shared/protocol/history.js";
import { CLOCK_TOLERANCE_MS } from "./boot-clocks.js";
import type { GapCause } from "./gap.js";
import { coveredRanges } from "./time-ranges.js";

/** Segments this close to a missing range are fetched too: they show where recording resumed. */
const SLACK_MS = 60_000;
/** Samplings further apart than this many usual distances have a gap between them. */
const MISSED_SAMPLINGS = 3;
const MISSED_INTERVALS = 2;
/**
 * The usual distance is the 90th percentile of the newest distances, since collectors run shortly
 * one after the other. The distance between two segments does not count: an exporter that was
 * killed begins a new segment.
 */
const JUDGED_INSTANTS = 2000;
const USUAL_SHARE = 0.9;

/**
 * The segments to fetch, oldest first: segments near a missing range, and segments whose times
 * cannot be right.
 */
export function chooseSegments(list: HistoryList, missing: readonly TimeRange[]): HistorySegment[] {
  return list.segments.filter((segment, index) => {
    const before = list.segments[index - 1];
    const after = list.segments[index + 1];
    const isOdd =
      segment.lastMs > list.wallMs + CLOCK_TOLERANCE_MS ||
      (before !== undefined && segment.fromMs < before.lastMs - CLOCK_TOLERANCE_MS) ||
      (after !== undefined && segment.lastMs > after.fromMs + CLOCK_TOLERANCE_MS);
    return (
      isOdd ||
      missing.some(({ fromMs, untilMs }) => {
        return segment.fromMs - SLACK_MS < untilMs && segment.lastMs + SLACK_MS >= fromMs;
      })
    );
  });
}

/** The instants of a history's samples by our clock, and the ranges they cover. */
export class PlacedInstants {
  private readonly instants: number[] = [];
  private readonly boots: string[] = [];
  /** Whether each instant is the first one of its segment. */
  private readonly firsts: boolean[] = [];
  private isNextFirst = false;
  /** Members whose clock cannot be corrected. */
  rejectedMembers = 0;

  constructor(private readonly intervalMs: number) {}

  /** The next instant that is added belongs to another segment. */
  beginSegment(): void {
    this.isNextFirst = true;
  }

  /**
   * To be called in the order of the history, which is ascending after the correction of clocks,
   * with rare exceptions.
   */
  add(timeMs: number, bootId: string): void {
    const last = this.instants.at(-1);
    if (last !== undefined && timeMs < last) {
      this.insert(timeMs, bootId);
      return;
    }
    if (timeMs === last) return;
    this.instants.push(timeMs);
    this.boots.push(bootId);
    this.firsts.push(this.isNextFirst);
    this.isNextFirst = false;
  }

  get lastMs(): number {
    return this.instants.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether a sampling is missing between two instants, judged by the usual distance so far. */
  isApart(fromMs: number, untilMs: number): boolean {
    const distanceMs = untilMs - fromMs;
    return distanceMs > MISSED_INTERVALS * this.intervalMs && distanceMs > this.usualDistanceMs();
  }

  /**
   * The ranges that the instants cover. A missing range that begins at most a usual distance before
   * an instant is covered from its beginning. The last instant is not covered: the next segment may
   * hold more samples of it.
   */
  covered(missing: readonly TimeRange[]): TimeRange[] {
    const distanceMs = this.usualDistanceMs();
    return coveredRanges(this.instants, distanceMs).map(({ fromMs, untilMs }) => {
      const isNear = missing.some(
        (range) => range.fromMs <= fromMs && range.fromMs >= fromMs - distanceMs,
      );
      return {
        fromMs: isNear ? fromMs - distanceMs : fromMs,
        untilMs: Math.min(untilMs, this.lastMs),
      };
    });
  }

  /** Why the history does not cover this range. */
  causeOf(range: TimeRange, list: HistoryList): GapCause {
    const [oldest] = list.segments;
    const firstMs = Math.min(
      this.instants[0] ?? Number.POSITIVE_INFINITY,
      oldest?.fromMs ?? Number.POSITIVE_INFINITY,
    );
    if (oldest !== undefined && range.untilMs <= firstMs + CLOCK_TOLERANCE_MS) {
      return (parseSegmentName(oldest.name)?.sequence ?? 1) > 1 ? "spool_overrun" : "exporter_down";
    }
    if (this.rejectedMembers > 0) return "clock_untrusted";
    return this.bootBefore(range.fromMs, list) === this.bootAfter(range.untilMs, list)
      ? "exporter_down"
      : "node_off";
  }

  private bootBefore(timeMs: number, { segments }: HistoryList): string | undefined {
    const index = this.instants.findLastIndex((instant) => instant <= timeMs);
    return this.boots[index] ?? segments.findLast(({ lastMs }) => lastMs <= timeMs)?.bootId;
  }

  private bootAfter(timeMs: number, { bootId }: HistoryList): string {
    const index = this.instants.findIndex((instant) => instant >= timeMs);
    return this.boots[index] ?? bootId;
  }

  private usualDistanceMs(): number {
    const distances: number[] = [];
    const start = Math.max(0, this.instants.length - 1 - JUDGED_INSTANTS);
    let previousMs: number | undefined;
    for (const [offset, instant] of this.instants.slice(start).entries()) {
      const isFirst = this.firsts[start + offset] === true;
      if (previousMs !== undefined && !isFirst) distances.push(instant - previousMs);
      previousMs = instant;
    }
    distances.sort((left, right) => left - right);
    const usualMs = distances[Math.floor((distances.length - 1) * USUAL_SHARE)] ?? 0;
    return Math.max(MISSED_INTERVALS * this.intervalMs, MISSED_SAMPLINGS * usualMs);
  }

  private insert(timeMs: number, bootId: string): void {
    const index = this.instants.findIndex((instant) => instant >= timeMs);
    if (this.instants[index] === timeMs) return;
    this.instants.splice(index, 0, timeMs);
    this.boots.splice(index, 0, bootId);
    this.firsts.splice(index, 0, false);
  }
}
