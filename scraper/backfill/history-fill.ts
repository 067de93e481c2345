import { memberHeaderOf } from "../../exporter/shared/codec/history/member-text.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { type Clock, yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { HistorySegment } from "../../exporter/shared/protocol/history.js";
import type { HostLogs } from "../host-logs/host-logs.js";
import type { SeriesContexts } from "../scrape/series-context.js";
import type { Querier } from "../storage/model/querier.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import type { BackfillCounters } from "./backfill-metrics.js";
import type { BootClocks, ClockCorrection } from "./boot-clocks.js";
import type { ClosedGaps } from "./closed-gaps.js";
import { FillDestination } from "./fill-destination.js";
import { FilledLines } from "./filled-lines.js";
import type { FilledGap, Gap } from "./gap.js";
import { type HistoryClient, HistoryError, type TimedHistoryList } from "./history-client.js";
import { chooseSegments, PlacedInstants } from "./history-placement.js";
import { HistoryRuns } from "./history-runs.js";
import { type GroupedSamples, GroupReader } from "./sample-groups.js";
import { membersOf } from "./segment-members.js";
import { SeriesEnds } from "./series-ends.js";
import { mergeRanges } from "./time-ranges.js";
import type { WatchedTarget } from "./watched-targets.js";

/** Pause before a commit that failed is tried again. */
const COMMIT_RETRY_MS = 5000;
/** An exporter writes its samples to its history within this time, unless it has lost them. */
export const LATEST_FLUSH_MS = 600_000;

export interface FillerParts {
  readonly client: HistoryClient;
  readonly writer: SampleWriter;
  readonly querier: Querier;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: BackfillCounters;
  readonly hostLogs: Pick<HostLogs, "filledLog">;
  /** Writes the gaps file of a host. */
  readonly saveGaps: (host: string) => Promise<void>;
  /**
   * Called before the gaps file is written, so after a crash in between it is called again with the
   * same gaps.
   */
  readonly onGapsFilled?: ((gaps: readonly FilledGap[]) => Promise<void>) | undefined;
}

/** One exporter whose history is wanted. */
export interface FillOrder {
  /** All targets of one address and port. */
  readonly targets: readonly WatchedTarget[];
  /** Node id in the heartbeats of this exporter. */
  readonly nodeId: string;
  readonly boots: BootClocks;
  readonly signal: AbortSignal;
}

interface HistoryFillParts extends FillerParts {
  readonly order: FillOrder;
  readonly list: TimedHistoryList;
  readonly contexts: SeriesContexts;
  readonly closed: ClosedGaps;
}

/**
 * One pass over the history of one exporter, oldest segment first: fetches the segments that may
 * hold missing samples, stores the samples, and closes the ranges they cover. Ranges that the whole
 * history does not cover are lost.
 */
export class HistoryFill {
  private readonly host: string;
  private readonly instants: PlacedInstants;
  private readonly ends: SeriesEnds;
  private readonly lines: FilledLines;
  private readonly reader = new GroupReader();
  private readonly destinations: readonly FillDestination[];

  /** @param first any target of the exporter */
  constructor(
    private readonly parts: HistoryFillParts,
    private readonly first: WatchedTarget,
  ) {
    const { targets } = parts.order;
    this.host = first.target.host;
    const intervalMs = Math.max(...targets.map(({ target }) => target.settings.intervalMs));
    const instants = new PlacedInstants(intervalMs);
    const runs = new HistoryRuns();
    const isApart = (fromMs: number, untilMs: number): boolean => instants.isApart(fromMs, untilMs);
    this.instants = instants;
    this.ends = new SeriesEnds({ runs, intervalMs, isApart });
    this.lines = new FilledLines(parts.hostLogs.filledLog(first.target), runs);
    this.destinations = targets.map((watched) => new FillDestination(watched, parts));
  }

  /**
   * @throws {HistoryError | HttpError} when not all segments came; ranges that were covered are
   * closed all the same
   */
  async run(): Promise<void> {
    try {
      const skipped = await this.fillSegments();
      this.parts.counters.damagedLines += this.reader.damagedLines;
      if (skipped === undefined) await this.giveUpRest();
      await this.parts.saveGaps(this.host);
      if (skipped !== undefined) throw skipped;
    } finally {
      await this.lines.merge();
    }
  }

  /** @returns the error of the last segment that was skipped because it is damaged or gone */
  private async fillSegments(): Promise<HistoryError | undefined> {
    const { order, list, counters, log } = this.parts;
    const missing = mergeRanges(order.targets.flatMap(({ gaps }) => [...gaps.missing]));
    let skipped: HistoryError | undefined;
    for (const segment of chooseSegments(list, missing)) {
      try {
        await this.fillSegment(segment);
      } catch (error) {
        if (!isOfOneSegment(error)) throw error;
        counters.failures++;
        skipped = error;
        log.warn("Segment skipped", { host: this.host, error: messageOf(error) });
      }
    }
    return skipped;
  }

  private async fillSegment(segment: HistorySegment): Promise<void> {
    const { client, order } = this.parts;
    const bytes = await client.segment(this.first.target, segment, order.signal);
    for (const destination of this.destinations) destination.beginSegment();
    this.lines.beginSegment(this.destinations.flatMap(({ missing }) => [...missing]));
    this.instants.beginSegment();
    for await (const text of membersOf(bytes, segment.name)) {
      await this.placeMember(text);
      await this.lines.relieve();
      await yieldToEventLoop(); // Live scrapes come first.
    }
    await this.store();
    await this.closeCovered();
  }

  private async placeMember(text: string): Promise<void> {
    const { order, list, counters } = this.parts;
    const header = memberHeaderOf(text);
    const range = { after: this.instants.lastMs, before: list.ourWallMs };
    const correction = header === undefined ? undefined : order.boots.correctionOf(header, range);
    if (header === undefined || correction === undefined) {
      this.instants.rejectedMembers++;
      return;
    }
    if (correction.addMs !== 0) counters.rebasedMembers++;
    const place = (samples: GroupedSamples): void =>
      this.placeSamples(samples, correction, header.bootId);
    const slices = this.reader.readInSlices(text, place);
    while (slices.next().done !== true) await this.rest();
  }

  /** Lets scrapes run in the middle of a long member. */
  private async rest(): Promise<void> {
    await yieldToEventLoop();
    this.parts.order.signal.throwIfAborted();
  }

  private placeSamples(
    samples: GroupedSamples,
    { addMs, errorMs }: ClockCorrection,
    bootId: string,
  ): void {
    const { destinations, ends } = this;
    const timeMs = samples.timestampMs + addMs;
    this.instants.add(timeMs, bootId);
    for (const destination of destinations) destination.passGapEnds(timeMs, bootId, ends);
    const ended = ends.read(timeMs, bootId, samples);
    const trueMs = samples.timestampMs + errorMs;
    for (const destination of destinations) destination.take(timeMs, trueMs, samples, ended);
    this.lines.add(timeMs, samples);
  }

  /** Resolves when the samples and lines of the segment are durable. */
  private async store(): Promise<void> {
    const { counters } = this.parts;
    for (const destination of this.destinations) counters.samples += await destination.flush();
    await this.commit();
    await this.lines.save();
    counters.segments++;
  }

  /** Only durable samples may close a gap, so this waits while the disk is full. */
  private async commit(): Promise<void> {
    const { writer, clock, log, counters, order } = this.parts;
    for (let tries = 0; ; tries++) {
      try {
        await writer.commit();
        return;
      } catch (error) {
        counters.failures++;
        if (tries === 0) log.warn("Backfill waits for the disk", { error: messageOf(error) });
      }
      await clock.sleep(COMMIT_RETRY_MS, order.signal);
    }
  }

  private async closeCovered(): Promise<void> {
    const filled: FilledGap[] = [];
    for (const { watched } of this.destinations) {
      const { gaps } = watched;
      const closed = gaps.close(this.instants.covered(gaps.missing), "filled");
      this.parts.closed.add(watched, closed);
      filled.push(...closed.map((gap) => filledGapOf(gap, watched)));
    }
    if (filled.length > 0) await this.parts.onGapsFilled?.(filled);
    await this.parts.saveGaps(this.host);
  }

  /** Closes the ranges that the history should hold by now and does not. */
  private async giveUpRest(): Promise<void> {
    const { instants } = this;
    const { list, closed } = this.parts;
    const flushedMs = Math.max(instants.lastMs, list.ourWallMs - LATEST_FLUSH_MS);
    for (const destination of this.destinations) {
      const { gaps, knownSinceMs } = destination.watched;
      const lost = gaps.missing
        .map(({ fromMs, untilMs }) => ({ fromMs, untilMs: Math.min(untilMs, flushedMs) }))
        .filter(({ fromMs, untilMs }) => untilMs > fromMs);
      if ((await destination.endSeriesBefore(lost)) > 0) await this.commit();
      for (const range of lost) {
        if (range.untilMs <= knownSinceMs) gaps.forget([range]);
        else
          closed.add(
            destination.watched,
            gaps.close([range], "lost", instants.causeOf(range, list)),
          );
      }
    }
  }
}

/** A segment that is damaged or gone does not keep the others from being used. */
function isOfOneSegment(error: unknown): error is HistoryError {
  return error instanceof HistoryError && (error.code === "damaged" || error.code === "gone");
}

function filledGapOf(
  { fromMs, untilMs, cause }: Gap,
  { target, knownSinceMs }: WatchedTarget,
): FilledGap {
  return {
    labels: target.labels,
    fromMs,
    untilMs,
    cause: cause === "link_down" ? cause : "master_down",
    isFirstSight: untilMs <= knownSinceMs,
  };
}
