import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import {
  type FamilyReading,
  formatFamilyLines,
  type LabelledValue,
} from "../../exporter/shared/model/human-lines.js";
import { LayoutReading } from "../host-logs/layout-reading.js";
import type { HistoryRuns } from "./history-runs.js";
import type { GroupedSamples } from "./sample-groups.js";

/** A line shows results of other collectors that are at most this old. */
const FRESH_MS = 600_000;
/** More than any exporter has; a hostile history might name more. */
const MAX_COLLECTORS = 64;

/** The last successful run of a collector. */
interface Run {
  readonly timestampMs: number;
  readonly reading: FamilyReading;
}

/**
 * Makes the log lines of a history: for each successful run of a family's collector, the line of a
 * scrape right after it.
 */
export class HistoryLines {
  private readonly last = new Map<string, Run>();

  constructor(private readonly runs: HistoryRuns) {}

  /**
   * To be called with all samples in the order of the history: a line also shows earlier results of
   * other collectors.
   */
  read(
    timestampMs: number,
    samples: GroupedSamples,
    onLines: (family: Family, lines: string[]) => void,
  ): void {
    const { group, values } = samples;
    for (const { collector, index, from, endAt } of this.runs.of(group)) {
      if (collector === undefined || values[endAt] !== 1) continue;
      if (!this.last.has(collector) && this.last.size >= MAX_COLLECTORS) continue;
      const reading = new LayoutReading(timestampMs, index, values.subarray(from, endAt));
      this.last.set(collector, { timestampMs, reading });
      const family = FAMILIES.find((one) => one === collector);
      if (family !== undefined)
        onLines(family, formatFamilyLines(family, new RunsReading(timestampMs, this.last)));
    }
  }
}

/** The results of the last runs that are not too old. Each metric belongs to one collector. */
class RunsReading implements FamilyReading {
  private readonly readings: readonly FamilyReading[];

  constructor(
    readonly timeMs: number,
    runs: ReadonlyMap<string, Run>,
  ) {
    const fresh = [...runs.values()].filter(
      ({ timestampMs }) => Math.abs(timeMs - timestampMs) <= FRESH_MS,
    );
    this.readings = fresh.map(({ reading }) => reading);
  }

  value(metric: string, labels?: Readonly<Record<string, string>>): number | undefined {
    for (const reading of this.readings) {
      const value = reading.value(metric, labels);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  series(metric: string): readonly LabelledValue[] {
    return (
      this.readings.map((reading) => reading.series(metric)).find((series) => series.length > 0) ??
      []
    );
  }
}
