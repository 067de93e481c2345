import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import {
  type FamilyReading,
  formatFamilyLines,
  type LabelledValue,
} from "../../exporter/shared/model/human-lines.js";
import { LayoutReading } from "../host-logs/layout-reading.js";
import type { HistoryRuns } from "./history-runs.js";
import type { GroupedSamples } from "./sample-groups.js";

/** A family's line is made of what its collectors said at most this long before. */
const FRESH_MS = 600_000;
/** More than any exporter has; a hostile history may name more. */
const MAX_COLLECTORS = 64;

/** The last successful run of a collector. */
interface Run {
  readonly timestampMs: number;
  readonly reading: FamilyReading;
}

/**
 * Makes the lines for people from the samples of a history: for every successful run of a family's collector what
 * scraping right after it would have shown.
 */
export class HistoryLines {
  private readonly last = new Map<string, Run>();

  constructor(private readonly runs: HistoryRuns) {}

  /** Takes samples in the order of the history, those of all times: a line shows what other collectors said before. */
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

/** What the last runs say that are not too old. Every metric is of one collector. */
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
