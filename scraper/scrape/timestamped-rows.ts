import type { SampleWriter, TableWriter } from "../storage/model/sample-writer.js";
import type { TimestampedSeries } from "./body-plan.js";

/** Largest distance of a timestamp into the future, as in Prometheus. */
const MAX_AHEAD_MS = 600_000;

export interface TimestampedSample {
  readonly series: TimestampedSeries;
  readonly timestampMs: number;
  readonly value: number;
}

/**
 * Writes samples that have their own timestamps: one row per timestamp, without staleness markers.
 * A sample that is not newer than the last one of its series is dropped, as in Prometheus.
 */
export class TimestampedRows {
  private lastMs = new Map<string, number>();

  constructor(private readonly writer: Pick<SampleWriter, "internLayout">) {}

  /**
   * @param ownTable receives series with all labels of the target
   * @param foreignTable called only when it is needed
   * @returns the number of samples dropped because they are old or too far in the future
   */
  write(
    samples: readonly TimestampedSample[],
    nowMs: number,
    ownTable: TableWriter,
    foreignTable: () => TableWriter,
  ): number {
    const lastMs = new Map<string, number>();
    const rows = new Map<string, TimestampedSample[]>();
    let leftOut = 0;
    for (const sample of [...samples].sort((left, right) => left.timestampMs - right.timestampMs)) {
      const { key } = sample.series.labels;
      const known = lastMs.get(key) ?? this.lastMs.get(key) ?? Number.NEGATIVE_INFINITY;
      lastMs.set(
        key,
        Math.max(known, sample.timestampMs > nowMs + MAX_AHEAD_MS ? known : sample.timestampMs),
      );
      if (sample.timestampMs > nowMs + MAX_AHEAD_MS || sample.timestampMs < known) leftOut++;
      else if (sample.timestampMs > known)
        addTo(rows, `${sample.series.isForeign} ${sample.timestampMs}`, sample);
    }
    this.lastMs = lastMs;
    for (const row of rows.values())
      this.append(row, row[0]?.series.isForeign === true ? foreignTable() : ownTable);
    return leftOut;
  }

  private append(row: readonly TimestampedSample[], table: TableWriter): void {
    const [first] = row;
    if (first === undefined) return;
    const layout = this.writer.internLayout(row.map(({ series }) => series.labels));
    table.append(
      first.timestampMs,
      layout,
      Float64Array.from(row, ({ value }) => value),
    );
  }
}

function addTo(
  rows: Map<string, TimestampedSample[]>,
  key: string,
  sample: TimestampedSample,
): void {
  const row = rows.get(key);
  if (row === undefined) rows.set(key, [sample]);
  else row.push(sample);
}
