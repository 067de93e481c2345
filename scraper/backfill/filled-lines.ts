import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { FilledLog } from "../host-logs/filled-log.js";
import { HistoryLines } from "./history-lines.js";
import type { HistoryRuns } from "./history-runs.js";
import type { GroupedSamples } from "./sample-groups.js";
import { holdsInstant, mergeRanges } from "./time-ranges.js";

/**
 * Lines are taken from so long before a gap too: those that a killed scraper had not written yet. The log leaves out
 * what it has.
 */
const BEFORE_GAP_MS = 600_000;

/** The lines of one exporter's history for its logs. Does nothing without a log. */
export class FilledLines {
  private readonly lines: HistoryLines;
  private wanted: readonly TimeRange[] = [];

  constructor(
    private readonly log: FilledLog | undefined,
    runs: HistoryRuns,
  ) {
    this.lines = new HistoryLines(runs);
  }

  /** @param missing what the samples fill, of all targets of the exporter */
  beginSegment(missing: readonly TimeRange[]): void {
    this.wanted = mergeRanges(
      missing.map(({ fromMs, untilMs }) => ({ fromMs: fromMs - BEFORE_GAP_MS, untilMs })),
    );
  }

  /** Takes samples at the instant they belong to, by our clock, in the order of the history. */
  add(timestampMs: number, samples: GroupedSamples): void {
    const { log, wanted } = this;
    if (log === undefined) return;
    this.lines.read(timestampMs, samples, (family, lines) => {
      if (holdsInstant(wanted, timestampMs)) log.add(family, lines);
    });
  }

  /** Keeps memory bounded, between members. */
  async relieve(): Promise<void> {
    if (this.log?.isLarge === true) await this.log.save();
  }

  /** Before the samples are said to be filled. Never rejects. */
  async save(): Promise<void> {
    await this.log?.save();
  }

  /** When the history has been read. Never rejects. */
  async merge(): Promise<void> {
    await this.log?.merge();
  }
}
