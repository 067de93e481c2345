import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { FilledLog } from "../host-logs/filled-log.js";
import { HistoryLines } from "./history-lines.js";
import type { HistoryRuns } from "./history-runs.js";
import type { GroupedSamples } from "./sample-groups.js";
import { holdsInstant, mergeRanges } from "./time-ranges.js";

/**
 * Lines start this long before a gap: a killed scraper had not written its last ones. The log skips
 * lines it has.
 */
const BEFORE_GAP_MS = 600_000;

/** Writes the log lines that the history of one exporter yields. Does nothing without a log. */
export class FilledLines {
  private readonly lines: HistoryLines;
  private wanted: readonly TimeRange[] = [];

  constructor(
    private readonly log: FilledLog | undefined,
    runs: HistoryRuns,
  ) {
    this.lines = new HistoryLines(runs);
  }

  /** @param missing the ranges that the segment may fill, of all targets of the exporter */
  beginSegment(missing: readonly TimeRange[]): void {
    this.wanted = mergeRanges(
      missing.map(({ fromMs, untilMs }) => ({ fromMs: fromMs - BEFORE_GAP_MS, untilMs })),
    );
  }

  /** @param timestampMs by our clock, in the order of the history */
  add(timestampMs: number, samples: GroupedSamples): void {
    const { log, wanted } = this;
    if (log === undefined) return;
    this.lines.read(timestampMs, samples, (family, lines) => {
      if (holdsInstant(wanted, timestampMs)) log.add(family, lines);
    });
  }

  /** Saves between members when many lines wait, so that memory stays bounded. */
  async relieve(): Promise<void> {
    if (this.log?.isLarge === true) await this.log.save();
  }

  /** Saves the lines of a segment. To be called before its gaps are closed. Never rejects. */
  async save(): Promise<void> {
    await this.log?.save();
  }

  /** Merges the saved lines into the log when the whole history is read. Never rejects. */
  async merge(): Promise<void> {
    await this.log?.merge();
  }
}
