import { getOrThrow } from "../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { Layout, SampleWriter, TableWriter } from "../storage/model/sample-writer.js";
import type { TimestampedSeries } from "./body-plan.js";

/** Largest distance of a timestamp into the future, as in Prometheus. */
const MAX_AHEAD_MS = 600_000;

/** Reads the timestamp and the value of a sample of the body. */
export interface TimestampedValues {
  readonly timestampMs: (sample: number) => number;
  readonly value: (sample: number) => number;
}

/** The series of a body that go to one table. */
interface Part {
  readonly isForeign: boolean;
  readonly layout: Layout;
  /** Index in the body of each sample, and the column of its series. */
  readonly samples: Uint32Array;
  readonly columns: Uint32Array;
  /** Time of the last sample of each column. */
  readonly lastMs: Float64Array;
}

/**
 * Writes samples that have their own timestamps, without staleness markers. A sample that is not newer
 * than the last one of its series is dropped, as in Prometheus.
 */
export class TimestampedRows {
  private series: readonly TimestampedSeries[] | undefined;
  private parts: readonly Part[] = [];

  constructor(private readonly writer: Pick<SampleWriter, "internLayout">) {}

  /**
   * @param series of the body; the same array while the body has the same lines
   * @param ownTable receives series with all labels of the target
   * @param foreignTable called only when it is needed
   * @returns the number of samples dropped because they are old or too far in the future
   */
  write(
    series: readonly TimestampedSeries[],
    values: TimestampedValues,
    nowMs: number,
    ownTable: TableWriter,
    foreignTable: () => TableWriter,
  ): number {
    if (series !== this.series) this.follow(series);
    let leftOut = 0;
    for (const part of this.parts) {
      const table = part.isForeign ? foreignTable() : ownTable;
      leftOut += writePart(part, values, nowMs + MAX_AHEAD_MS, table);
    }
    return leftOut;
  }

  /** Makes parts for another body. Series that stay keep the time of their last sample. */
  private follow(series: readonly TimestampedSeries[]): void {
    const before = this.parts;
    this.parts = [false, true].flatMap((isForeign) =>
      this.partOf(
        series.filter((each) => each.isForeign === isForeign),
        isForeign,
        before.find((part) => part.isForeign === isForeign),
      ),
    );
    this.series = series;
  }

  private partOf(
    series: readonly TimestampedSeries[],
    isForeign: boolean,
    before: Part | undefined,
  ): Part[] {
    if (series.length === 0) return [];
    const columnOf = new Map<string, number>();
    const distinct: Labels[] = [];
    for (const { labels } of series) {
      if (columnOf.has(labels.key)) continue;
      columnOf.set(labels.key, distinct.length);
      distinct.push(labels);
    }
    const lastMs = new Float64Array(distinct.length).fill(Number.NEGATIVE_INFINITY);
    for (const [column, { key }] of (before?.layout.series ?? []).entries()) {
      const now = columnOf.get(key);
      if (now !== undefined) lastMs[now] = before?.lastMs[column] ?? Number.NEGATIVE_INFINITY;
    }
    const layout = this.writer.internLayout(distinct);
    const samples = Uint32Array.from(series, ({ sample }) => sample);
    const columns = Uint32Array.from(series, ({ labels }) => getOrThrow(columnOf, labels.key));
    return [{ isForeign, layout, samples, columns, lastMs }];
  }
}

function writePart(
  { layout, samples, columns, lastMs }: Part,
  values: TimestampedValues,
  latestMs: number,
  table: TableWriter,
): number {
  const inOrder = Array.from(samples.keys());
  // A series can occur several times, in any order of time.
  if (samples.length > lastMs.length) {
    const timeOf = (index: number): number => values.timestampMs(samples[index] as number);
    inOrder.sort((left, right) => timeOf(left) - timeOf(right));
  }
  const kept = {
    columns: new Uint32Array(samples.length),
    timestamps: new Float64Array(samples.length),
    values: new Float64Array(samples.length),
  };
  let count = 0;
  let leftOut = 0;
  for (const index of inOrder) {
    const sample = samples[index] as number;
    const column = columns[index] as number;
    const timestampMs = values.timestampMs(sample);
    const known = lastMs[column] as number;
    if (timestampMs > latestMs || timestampMs < known) leftOut++;
    else if (timestampMs > known) {
      lastMs[column] = timestampMs;
      kept.columns[count] = column;
      kept.timestamps[count] = timestampMs;
      kept.values[count++] = values.value(sample);
    }
  }
  if (count === 0) return leftOut;
  const isWhole = count === lastMs.length && count === samples.length;
  table.appendStamped({
    layout,
    columns: isWhole ? undefined : kept.columns.subarray(0, count),
    timestamps: kept.timestamps.subarray(0, count),
    values: kept.values.subarray(0, count),
  });
  return leftOut;
}
