import { decodeMember, memberLength } from "../../exporter/shared/codec/history/gzip-member.js";
import { parseMemberHeader } from "../../exporter/shared/codec/history/member-text.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { type Clock, yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { HistorySegment } from "../../exporter/shared/protocol/history.js";
import { hostFolder } from "../fleet/host-folder.js";
import type { HostLogs } from "../host-logs/host-logs.js";
import { SeriesContexts } from "../scrape/series-context.js";
import type { Querier } from "../storage/model/querier.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import type { BackfillCounters } from "./backfill-metrics.js";
import type { BootClocks } from "./boot-clocks.js";
import { EndMarkers } from "./end-markers.js";
import { FilledLines } from "./filled-lines.js";
import type { FilledGap, Gap } from "./gap.js";
import { type HistoryClient, HistoryError, type TimedHistoryList } from "./history-client.js";
import { chooseSegments, PlacedInstants } from "./history-placement.js";
import { HistoryRuns } from "./history-runs.js";
import { HistoryRows } from "./history-rows.js";
import { GroupReader } from "./sample-groups.js";
import { SeriesEnds } from "./series-ends.js";
import { StaleRows } from "./stale-rows.js";
import { holdsInstant, mergeRanges } from "./time-ranges.js";
import type { WatchedTarget } from "./watched-target.js";

/** Waited for a full disk to take samples again. */
const COMMIT_RETRY_MS = 5000;
/** What a Pi samples stands in its history at the latest after this, unless it has lost it. */
export const LATEST_FLUSH_MS = 600_000;

export interface EndpointFillerParts {
  readonly client: HistoryClient;
  readonly writer: SampleWriter;
  readonly querier: Querier;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: BackfillCounters;
  readonly hostLogs: Pick<HostLogs, "filledLog">;
  /** Saves what is missing, before anything depends on it. */
  readonly save: (host: string) => Promise<void>;
  /** Hears what was filled before the file of gaps does: a crash in between tells of it again. */
  readonly onFilled?: ((gaps: readonly FilledGap[]) => Promise<void>) | undefined;
}

/** One exporter whose history is wanted. */
export interface FillOrder {
  /** All of one address and port. */
  readonly targets: readonly WatchedTarget[];
  /** Of the Pi that sends the heartbeats of this endpoint. */
  readonly nodeId: string;
  readonly boots: BootClocks;
  readonly signal: AbortSignal;
}

interface FillStart {
  readonly order: FillOrder;
  readonly list: TimedHistoryList;
  readonly instants: PlacedInstants;
  readonly lines: FilledLines;
  readonly ends: SeriesEnds;
}

interface Destination {
  readonly watched: WatchedTarget;
  readonly rows: HistoryRows;
  readonly stale: StaleRows;
  readonly markers: EndMarkers;
  /** As it was when the segment was begun. */
  missing: readonly TimeRange[];
}

/** Fetches what is missing of one exporter, oldest first, and says what of it is filled and what is lost. */
export class EndpointFiller {
  private readonly contexts = new SeriesContexts();

  constructor(private readonly parts: EndpointFillerParts) {}

  /** @throws {HistoryError | HttpError | BadInputError} when the exporter did not answer well; what came is kept */
  async fill(order: FillOrder): Promise<void> {
    const { targets, signal, boots } = order;
    const [first] = targets;
    if (first === undefined) return;
    const list = await this.parts.client.list(first.target, signal);
    this.checkNode(order, list);
    boots.learn(list, list.ourWallMs, list);
    await this.parts.save(first.target.host); // The clock must be known again if what follows is repeated.
    const intervalMs = Math.max(...targets.map(({ target }) => target.settings.intervalMs));
    const instants = new PlacedInstants(intervalMs);
    const runs = new HistoryRuns();
    const lines = new FilledLines(this.parts.hostLogs.filledLog(first.target), runs);
    const isApart = (fromMs: number, untilMs: number): boolean => instants.isApart(fromMs, untilMs);
    const ends = new SeriesEnds({ runs, intervalMs, isApart });
    try {
      await this.fillAll({ order, list, instants, lines, ends });
    } finally {
      await lines.merge();
    }
  }

  private async fillAll(start: FillStart): Promise<void> {
    const { order, list } = start;
    const { targets } = order;
    const [first] = targets as [WatchedTarget];
    const reader = new GroupReader();
    const destinations = targets.map((watched) => this.destinationOf(watched));
    const wanted = mergeRanges(targets.flatMap(({ gaps }) => [...gaps.missing]));
    let skipped: HistoryError | undefined;
    for (const segment of chooseSegments(list, wanted)) {
      try {
        await this.fillFrom(segment, { ...start, reader, destinations });
      } catch (error) {
        // A segment that vanished or is damaged is not worth the others.
        if (!(error instanceof HistoryError) || error.code === "refused" || error.code === "cut")
          throw error;
        this.parts.counters.failures++;
        skipped = error;
        this.parts.log.warn("Segment of a history left out", {
          host: first.target.host,
          error: messageOf(error),
        });
      }
    }
    this.parts.counters.damagedLines += reader.damagedLines;
    if (skipped === undefined)
      for (const destination of destinations) await this.giveUpRest(destination, start);
    await this.parts.save(first.target.host);
    if (skipped !== undefined) throw skipped;
  }

  private async fillFrom(
    segment: HistorySegment,
    run: FillStart & {
      readonly reader: GroupReader;
      readonly destinations: readonly Destination[];
    },
  ): Promise<void> {
    const { order, list, instants, lines, ends, reader, destinations } = run;
    const { client, counters } = this.parts;
    const [first] = order.targets as [WatchedTarget];
    const bytes = await client.segment(first.target, segment, order.signal);
    for (const destination of destinations) {
      destination.missing = [...destination.watched.gaps.missing];
      destination.markers.want(destination.missing);
    }
    lines.want(destinations.flatMap(({ missing }) => [...missing]));
    instants.beginSegment();
    for (const text of membersOf(bytes, segment.name)) {
      const header = parseMemberHeader(text.slice(0, text.indexOf("\n")));
      const range = { after: instants.lastMs, before: list.ourWallMs };
      const correction = header === undefined ? undefined : order.boots.correctionOf(header, range);
      if (header === undefined || correction === undefined) {
        instants.rejectedMembers++;
        continue;
      }
      const { addMs, errorMs } = correction;
      if (addMs !== 0) counters.rebasedMembers++;
      reader.read(text, (samples) => {
        const timeMs = samples.timestampMs + addMs;
        instants.add(timeMs, header.bootId);
        for (const { markers } of destinations) markers.pass(timeMs, header.bootId, ends);
        const ended = ends.read(timeMs, header.bootId, samples);
        // At the ends of a range, a clock a little wrong must not put an older value behind that of a scrape.
        const trueMs = samples.timestampMs + errorMs;
        for (const { rows, missing, markers } of destinations) {
          if (holdsInstant(missing, timeMs) && holdsInstant(missing, trueMs))
            rows.add(timeMs, samples);
          markers.add(ended);
        }
        lines.add(timeMs, samples);
      });
      await lines.relieve();
      await yieldToEventLoop(); // Live scrapes come first.
    }
    for (const { rows, markers } of destinations) {
      counters.samples += await rows.flush();
      await markers.flush();
    }
    await this.commit(order.signal);
    await lines.save();
    counters.segments++;
    const filled: FilledGap[] = [];
    for (const { watched } of destinations) {
      for (const gap of watched.gaps.close(instants.covered(watched.gaps.missing), "filled")) {
        counters.countClosed(gap);
        filled.push(filledGapOf(gap, watched));
      }
    }
    if (filled.length > 0) await this.parts.onFilled?.(filled);
    await this.parts.save(first.target.host);
  }

  /** Only what is durable may be told to be filled, so a full disk is waited for. */
  private async commit(signal: AbortSignal): Promise<void> {
    const { writer, clock, log, counters } = this.parts;
    for (let tries = 0; ; tries++) {
      try {
        await writer.commit();
        return;
      } catch (error) {
        counters.failures++;
        if (tries === 0) log.warn("Backfill waits for the disk", { error: messageOf(error) });
      }
      await clock.sleep(COMMIT_RETRY_MS, signal);
    }
  }

  /** What the history has gone past without covering it will not come any more. */
  private async giveUpRest(
    { watched, stale }: Destination,
    { instants, list, order }: FillStart,
  ): Promise<void> {
    const { gaps, knownSinceMs, target } = watched;
    const { counters } = this.parts;
    const flushedMs = Math.max(instants.lastMs, list.ourWallMs - LATEST_FLUSH_MS);
    const ended = gaps.missing.map(({ fromMs, untilMs }) => ({
      fromMs,
      untilMs: Math.min(untilMs, flushedMs),
    }));
    const parts = ended.filter(({ fromMs, untilMs }) => untilMs > fromMs);
    let markers = 0;
    for (const { fromMs, untilMs } of parts) {
      // The next scrape would have failed. Where it did fail, its own markers are there already.
      const failedMs = fromMs - 1 + target.settings.intervalMs;
      if (failedMs < untilMs)
        markers += stale.append(failedMs, (await stale.scrapedAt(fromMs - 1)) ?? []);
    }
    if (markers > 0) await this.commit(order.signal);
    for (const part of parts) {
      if (part.untilMs <= knownSinceMs) gaps.forget([part]);
      else
        for (const gap of gaps.close([part], "lost", instants.causeOf(part, list)))
          counters.countClosed(gap);
    }
  }

  /** Histories never mix: what another Pi did not scrape is not in this one's history. */
  private checkNode({ targets, nodeId }: FillOrder, list: TimedHistoryList): void {
    if (list.nodeId !== nodeId) {
      const detail = `node id is ${list.nodeId}, it must be that of its heartbeats, ${nodeId}`;
      throw new HistoryError(
        "refused",
        `Cannot use history of "${targets[0]?.target.url}": ${detail}`,
      );
    }
    for (const { gaps } of targets) {
      if (gaps.nodeId !== undefined && gaps.nodeId !== nodeId) {
        for (const gap of gaps.close(gaps.missing, "lost", "node_off"))
          this.parts.counters.countClosed(gap);
      }
      gaps.nodeId = nodeId;
    }
  }

  private destinationOf(watched: WatchedTarget): Destination {
    const { target } = watched;
    const { writer, querier } = this.parts;
    const folder = hostFolder(target.host);
    const rows = new HistoryRows(writer, target, folder, this.contexts.of(target));
    const stale = new StaleRows({ writer, querier, target, folder });
    return { watched, rows, stale, markers: new EndMarkers(rows, stale), missing: [] };
  }
}

function filledGapOf(
  { fromMs, untilMs, cause }: Gap,
  { target, knownSinceMs }: WatchedTarget,
): FilledGap {
  const isFirstSight = untilMs <= knownSinceMs;
  return {
    labels: target.labels,
    fromMs,
    untilMs,
    cause: cause === "link_down" ? cause : "master_down",
    isFirstSight,
  };
}

/** @throws {HistoryError} at a member that does not check, which the checksum of the segment makes the exporter's own */
function* membersOf(segment: Uint8Array, name: string): Generator<string> {
  for (let at = 0; at < segment.length;) {
    const length = memberLength(segment.subarray(at, at + 64)) ?? 0;
    const text = length > 0 ? decodeMember(segment.subarray(at, at + length)) : undefined;
    if (text === undefined) {
      throw new HistoryError(
        "damaged",
        `Cannot use segment "${name}" from byte ${at} on: no whole member is there`,
      );
    }
    yield text;
    at += length;
  }
}
