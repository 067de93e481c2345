import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { hostFolder } from "../fleet/host-folder.js";
import type { SeriesContexts } from "../scrape/series-context.js";
import type { Querier } from "../storage/model/querier.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { EndMarkers } from "./end-markers.js";
import { HistoryRows } from "./history-rows.js";
import type { GroupedSamples } from "./sample-groups.js";
import type { EndedSeries, SeriesEnds } from "./series-ends.js";
import { StaleRows } from "./stale-rows.js";
import { holdsInstant } from "./time-ranges.js";
import type { WatchedTarget } from "./watched-targets.js";

export interface FillDestinationParts {
  readonly writer: SampleWriter;
  readonly querier: Querier;
  readonly contexts: SeriesContexts;
}

/**
 * One target that a history fills: samples in its missing ranges become rows, series that end get
 * staleness markers.
 */
export class FillDestination {
  private readonly rows: HistoryRows;
  private readonly stale: StaleRows;
  private readonly markers: EndMarkers;
  private missingNow: readonly TimeRange[] = [];

  constructor(
    readonly watched: WatchedTarget,
    { writer, querier, contexts }: FillDestinationParts,
  ) {
    const { target } = watched;
    const folder = hostFolder(target.host);
    this.rows = new HistoryRows(writer, target, folder, contexts.of(target));
    this.stale = new StaleRows({ writer, querier, target, folder });
    this.markers = new EndMarkers(this.rows, this.stale);
  }

  /** The ranges that were missing when the segment was begun. */
  get missing(): readonly TimeRange[] {
    return this.missingNow;
  }

  beginSegment(): void {
    this.missingNow = [...this.watched.gaps.missing];
    this.markers.beginSegment(this.missingNow);
  }

  /** To be called before `ends` reads the samples of this time. */
  passGapEnds(timeMs: number, bootId: string, ends: SeriesEnds): void {
    this.markers.passGapEnds(timeMs, bootId, ends);
  }

  /**
   * Takes samples that lie in a missing range, and the series that ended with them.
   *
   * @param trueMs the samples' time as far as the error of the Pi's clock is known for certain: at
   * the ends of a range, a clock that is a little wrong must not put an older value behind the
   * value of a scrape
   */
  take(
    timeMs: number,
    trueMs: number,
    samples: GroupedSamples,
    ended: readonly EndedSeries[],
  ): void {
    if (holdsInstant(this.missingNow, timeMs) && holdsInstant(this.missingNow, trueMs)) {
      this.rows.add(timeMs, samples);
    }
    this.markers.addEnded(ended);
  }

  /**
   * Appends rows and markers to the storage.
   *
   * @returns the number of samples without the markers
   */
  async flush(): Promise<number> {
    const samples = await this.rows.flush();
    await this.markers.flush();
    return samples;
  }

  /**
   * Ends the series before ranges that stay empty, as the failed scrape after the last good one
   * would have done. Where scrapes did fail, their own markers are stored already.
   *
   * @returns the number of markers
   */
  async endSeriesBefore(ranges: readonly TimeRange[]): Promise<number> {
    const { intervalMs } = this.watched.target.settings;
    let markers = 0;
    for (const { fromMs, untilMs } of ranges) {
      const failedMs = fromMs - 1 + intervalMs;
      if (failedMs >= untilMs) continue;
      markers += this.stale.append(failedMs, (await this.stale.scrapedAt(fromMs - 1)) ?? []);
    }
    return markers;
  }
}
