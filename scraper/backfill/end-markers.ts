import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { HistoryRows } from "./history-rows.js";
import type { EndedSeries, SeriesEnds } from "./series-ends.js";
import type { WrittenSeries } from "./sample-groups.js";
import type { StaleRows } from "./stale-rows.js";
import { holdsInstant } from "./time-ranges.js";

/** The series that the exporter showed at the end of a gap. */
interface Seam {
  readonly untilMs: number;
  readonly series: readonly WrittenSeries[];
}

/**
 * Writes the staleness markers of one target in ranges that its history fills, as scraping would
 * have written them.
 */
export class EndMarkers {
  private missing: readonly TimeRange[] = [];
  /** The first of `missing` whose end has not been passed. */
  private next = 0;
  private passedMs = Number.NEGATIVE_INFINITY;
  private ended: EndedSeries[] = [];
  private seams: Seam[] = [];

  constructor(
    private readonly rows: Pick<HistoryRows, "ownLabelsOf">,
    private readonly stale: StaleRows,
  ) {}

  /** @param missing ascending */
  beginSegment(missing: readonly TimeRange[]): void {
    this.missing = missing;
    const next = missing.findIndex(({ untilMs }) => untilMs > this.passedMs);
    this.next = next < 0 ? missing.length : next;
  }

  /**
   * Notes the series that are alive at the ends of gaps up to `timeMs`: the scrape at such an end
   * has them, or ends them. To be called before `ends` reads the samples of this time.
   */
  passGapEnds(timeMs: number, bootId: string, ends: SeriesEnds): void {
    for (; this.next < this.missing.length; this.next++) {
      const gap = this.missing[this.next];
      if (gap === undefined || gap.untilMs > timeMs) break;
      const { untilMs } = gap;
      const series = ends.hasStoppedBefore(untilMs, timeMs, bootId) ? [] : ends.alive();
      if (series.length > 0) this.seams.push({ untilMs, series });
    }
    this.passedMs = Math.max(this.passedMs, timeMs);
  }

  addEnded(ended: readonly EndedSeries[]): void {
    for (const one of ended) if (holdsInstant(this.missing, one.timeMs)) this.ended.push(one);
  }

  /**
   * Appends the markers. To be called after the samples are appended: of two samples with the same
   * series and time the first one stays.
   *
   * @returns the number of markers
   */
  async flush(): Promise<number> {
    let count = 0;
    for (const { timeMs, series } of this.ended.splice(0))
      count += this.stale.append(timeMs, this.rows.ownLabelsOf(series));
    for (const { untilMs, series } of this.seams.splice(0)) {
      const scraped = await this.stale.scrapedAt(untilMs);
      if (scraped !== undefined)
        count += this.stale.append(untilMs, without(this.rows.ownLabelsOf(series), scraped));
    }
    return count;
  }
}

function without(series: readonly Labels[], others: readonly Labels[]): Labels[] {
  const known = new Set(others.map(({ key }) => key));
  return series.filter(({ key }) => !known.has(key));
}
