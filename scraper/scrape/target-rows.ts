import { Labels } from "../../exporter/shared/model/labels.js";
import { bitsOf, setStaleAt } from "../../exporter/shared/model/special-values.js";
import type {
  AppendResult,
  Layout,
  SampleWriter,
  TableKey,
  TableWriter,
} from "../storage/model/sample-writer.js";
import type { BodyChunk } from "./body-chunk.js";
import { REPORT_COUNT, REPORT_SERIES, type BodyPlan, type ForeignSeries } from "./body-plan.js";
import type { RowBuffer } from "./row-buffer.js";
import type { SeriesContext } from "./series-context.js";
import { TimestampedRows } from "./timestamped-rows.js";

/** The values of `REPORT_METRICS` for one scrape, without `scrape_series_added`. */
export interface ScrapeReport {
  readonly up: 0 | 1;
  readonly durationSeconds: number;
  readonly samplesScraped: number;
  readonly samplesKept: number;
}

/** A row that was appended. `values` is valid until the next row is written. */
export interface WrittenRow {
  readonly layout: Layout;
  readonly values: Float64Array;
  readonly timestampedLeftOut: number;
  /** The result of the append. */
  readonly taken: AppendResult;
}

interface TargetRowsParts {
  readonly writer: SampleWriter;
  readonly key: TableKey;
  readonly row: RowBuffer;
}

const NO_CHUNKS: readonly BodyChunk[] = [];
const NO_LABELS: readonly Labels[] = [];

/**
 * The rows of one target, with staleness as in Prometheus. A series that was in the last valid body
 * and is not in this one gets a staleness marker at the time of this scrape. A failed scrape marks
 * all series of the body. The end of the target also marks the reports.
 */
export class TargetRows {
  private readonly table: TableWriter;
  private readonly timestamped: TimestampedRows;
  private plan: BodyPlan | undefined;
  /** True until the series of `plan` get staleness markers. */
  private isLive = false;
  private hasReports = false;

  constructor(private readonly parts: TargetRowsParts) {
    this.table = parts.writer.openTable(parts.key);
    this.timestamped = new TimestampedRows(parts.writer);
  }

  /** Chunks of the last valid body. */
  get chunks(): readonly BodyChunk[] {
    return this.plan?.chunks ?? NO_CHUNKS;
  }

  /** The plan of the last valid body, if it also fits these chunks. */
  planFor(chunks: readonly BodyChunk[], context: SeriesContext): BodyPlan | undefined {
    return this.plan?.chunks === chunks && this.plan.context === context ? this.plan : undefined;
  }

  /**
   * Writes the values of a body, which are in the row buffer from `REPORT_COUNT` on, in the order
   * of the body.
   *
   * @param timestamps the timestamps in the body, by index of the sample
   */
  writeBody(
    timestampMs: number,
    plan: BodyPlan,
    timestamps: ReadonlyMap<number, number>,
    report: ScrapeReport,
  ): WrittenRow {
    const previous = this.plan;
    const before = this.isLive ? previous : undefined;
    const timestampedLeftOut = this.writeTimestamped(timestampMs, plan, timestamps);
    if (plan.foreign !== undefined || before?.foreign !== undefined) {
      this.writeForeign(timestampMs, plan.foreign, before?.foreign);
    }
    this.moveToColumns(plan);
    this.setReports(report, plan === previous ? 0 : countNew(plan, previous));
    this.plan = plan;
    this.isLive = true;
    const vanished =
      plan === before || before === undefined
        ? NO_LABELS
        : without(before.layout.series, plan.layout.series);
    return this.append(timestampMs, plan.layout, plan.width, vanished, timestampedLeftOut);
  }

  /** Writes a failed scrape: `up` is 0, and all series of the body end. */
  writeFailure(timestampMs: number, report: ScrapeReport): WrittenRow {
    return this.writeMarkers(timestampMs, () => this.setReports(report, 0));
  }

  /**
   * Ends every series, including the reports, because the target is gone. Does nothing when it was
   * never scraped.
   */
  writeEnd(timestampMs: number): void {
    if (!this.hasReports) return;
    this.writeMarkers(timestampMs, () => this.parts.row.setStale(0, REPORT_COUNT));
    this.hasReports = false;
  }

  private writeMarkers(timestampMs: number, setReports: () => void): WrittenRow {
    const live = this.isLive ? this.plan : undefined;
    this.isLive = false;
    if (live?.foreign !== undefined) this.writeForeign(timestampMs, undefined, live.foreign);
    const layout = live?.layout ?? this.parts.writer.internLayout(REPORT_SERIES);
    const width = live?.width ?? REPORT_COUNT;
    this.parts.row.setStale(REPORT_COUNT, width);
    setReports();
    return this.append(timestampMs, layout, width, NO_LABELS, 0);
  }

  private append(
    timestampMs: number,
    layout: Layout,
    width: number,
    vanished: readonly Labels[],
    timestampedLeftOut: number,
  ): WrittenRow {
    const { row, writer } = this.parts;
    const isSame = vanished.length === 0;
    const written = isSame ? layout : writer.internLayout([...layout.series, ...vanished]);
    row.setStale(width, width + vanished.length);
    const values = row.values.subarray(0, width + vanished.length);
    const taken = this.table.append(timestampMs, written, values);
    this.hasReports = true;
    return { layout: written, values, timestampedLeftOut, taken };
  }

  private setReports(report: ScrapeReport, seriesAdded: number): void {
    const { values } = this.parts.row;
    values[0] = report.up;
    values[1] = report.durationSeconds;
    values[2] = report.samplesScraped;
    values[3] = report.samplesKept;
    values[4] = seriesAdded;
  }

  /** Columns are in the order of their samples, so values only move towards the front. */
  private moveToColumns({ columns }: BodyPlan): void {
    if (columns === undefined) return;
    const { values } = this.parts.row;
    for (let sample = 0; sample < columns.length; sample++) {
      const column = columns[sample] as number;
      if (column >= 0) values[REPORT_COUNT + column] = values[REPORT_COUNT + sample] as number;
    }
  }

  private writeTimestamped(
    timestampMs: number,
    { timestamped }: BodyPlan,
    timestamps: ReadonlyMap<number, number>,
  ): number {
    if (timestamped.length === 0) return 0;
    const { row } = this.parts;
    const values = {
      timestampMs: (sample: number) => timestamps.get(sample) ?? timestampMs,
      value: (sample: number) => row.values[REPORT_COUNT + sample] as number,
    };
    return this.timestamped.write(timestamped, values, timestampMs, this.table, () =>
      this.openForeignTable(),
    );
  }

  private writeForeign(
    timestampMs: number,
    now: ForeignSeries | undefined,
    before: ForeignSeries | undefined,
  ): void {
    const { row, writer } = this.parts;
    const series = now?.layout.series ?? [];
    const vanished =
      now === before || before === undefined ? [] : without(before.layout.series, series);
    const layout =
      vanished.length > 0 || now === undefined
        ? writer.internLayout([...series, ...vanished])
        : now.layout;
    const foreign = Float64Array.from(
      now?.samples ?? [],
      (sample) => row.values[REPORT_COUNT + sample] as number,
    );
    this.openForeignTable().append(timestampMs, layout, withStale(foreign, vanished.length));
  }

  /**
   * One table per folder, shared by all targets of a host that expose series without their labels.
   */
  private openForeignTable(): TableWriter {
    return this.parts.writer.openTable({ folder: this.parts.key.folder, labels: Labels.EMPTY });
  }
}

function without(series: readonly Labels[], others: readonly Labels[]): Labels[] {
  const known = new Set(others.map(({ key }) => key));
  return series.filter(({ key }) => !known.has(key));
}

function countNew(plan: BodyPlan, previous: BodyPlan | undefined): number {
  const known = new Set(previous === undefined ? [] : seriesKeys(previous));
  let count = 0;
  for (const key of new Set(seriesKeys(plan))) if (!known.has(key)) count++;
  return count;
}

/** Keys of the series, without the reports. */
function seriesKeys({ layout, foreign, timestamped }: BodyPlan): string[] {
  const own = layout.series.slice(REPORT_COUNT);
  return [
    ...own,
    ...(foreign?.layout.series ?? []),
    ...timestamped.map(({ labels }) => labels),
  ].map(({ key }) => key);
}

function withStale(values: Float64Array, count: number): Float64Array {
  const all = new Float64Array(values.length + count);
  all.set(values);
  const bits = bitsOf(all);
  for (let index = values.length; index < all.length; index++) setStaleAt(bits, index);
  return all;
}
