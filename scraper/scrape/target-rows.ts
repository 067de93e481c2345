import { Labels } from "../../exporter/shared/model/labels.js";
import { bitsOf, setStaleAt } from "../../exporter/shared/model/special-values.js";
import type {
  AppendResult,
  Layout,
  SampleWriter,
  TableKey,
  TableWriter,
} from "../storage/model/sample-writer.js";
import type { TimeSlices } from "../../exporter/shared/platform/time-slices.js";
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

/** What a body changes in the series of its target. */
export interface BodyChange {
  readonly seriesAdded: number;
  /** The layout of the row: the series of the body, then those that ended. */
  readonly written: Layout;
  readonly vanishedCount: number;
}

interface RowEnd {
  readonly width: number;
  readonly vanishedCount: number;
  readonly timestampedLeftOut: number;
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

  /** The differences of a body to the last valid one. */
  changeTo(plan: BodyPlan): BodyChange {
    const { plan: previous, isLive } = this;
    if (plan === previous && isLive)
      return { seriesAdded: 0, written: plan.layout, vanishedCount: 0 };
    const vanished =
      !isLive || previous === undefined || plan === previous
        ? NO_LABELS
        : without(previous.layout.series, plan.layout.series);
    const { writer } = this.parts;
    return {
      seriesAdded: plan === previous ? 0 : countNew(plan, previous),
      written:
        vanished.length === 0
          ? plan.layout
          : writer.internLayout([...plan.layout.series, ...vanished]),
      vanishedCount: vanished.length,
    };
  }

  /**
   * As `changeTo`, in slices, and prepares the table for the row. The caller holds the layouts and
   * writes no other row meanwhile.
   */
  async changeInSlices(plan: BodyPlan, slices: TimeSlices): Promise<BodyChange> {
    const { plan: previous, isLive } = this;
    const { writer } = this.parts;
    let change: BodyChange = { seriesAdded: 0, written: plan.layout, vanishedCount: 0 };
    if (plan !== previous) {
      const added = await missingIn(seriesOf(plan), seriesOf(previous), slices);
      const vanished =
        isLive && previous !== undefined
          ? await missingIn(previous.layout.series, plan.layout.series, slices)
          : NO_LABELS;
      change = {
        seriesAdded: added.length,
        written:
          vanished.length === 0
            ? plan.layout
            : await writer.internLayoutInSlices([...plan.layout.series, ...vanished], slices),
        vanishedCount: vanished.length,
      };
    }
    await this.table.prepare(change.written, slices);
    return change;
  }

  /**
   * Writes the values of a body, which are in the row buffer from `REPORT_COUNT` on, in the order
   * of the body.
   *
   * @param timestamps the timestamps in the body, by index of the sample
   * @param change as `changeTo` or `changeInSlices` returned it
   */
  writeBody(
    timestampMs: number,
    plan: BodyPlan,
    timestamps: ReadonlyMap<number, number>,
    report: ScrapeReport,
    change: BodyChange = this.changeTo(plan),
  ): WrittenRow {
    const before = this.isLive ? this.plan : undefined;
    const timestampedLeftOut = this.writeTimestamped(timestampMs, plan, timestamps);
    if (plan.foreign !== undefined || before?.foreign !== undefined) {
      this.writeForeign(timestampMs, plan.foreign, before?.foreign);
    }
    this.moveToColumns(plan);
    this.setReports(report, change.seriesAdded);
    this.plan = plan;
    this.isLive = true;
    return this.append(timestampMs, change.written, {
      width: plan.width,
      vanishedCount: change.vanishedCount,
      timestampedLeftOut,
    });
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
    return this.append(timestampMs, layout, { width, vanishedCount: 0, timestampedLeftOut: 0 });
  }

  private append(
    timestampMs: number,
    layout: Layout,
    { width, vanishedCount, timestampedLeftOut }: RowEnd,
  ): WrittenRow {
    const { row } = this.parts;
    row.setStale(width, width + vanishedCount);
    const values = row.values.subarray(0, width + vanishedCount);
    const taken = this.table.append(timestampMs, layout, values);
    this.hasReports = true;
    return { layout, values, timestampedLeftOut, taken };
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

/** Labels of `series` that are not among the others, each once. */
async function missingIn(
  series: Iterable<Labels>,
  others: Iterable<Labels>,
  slices: TimeSlices,
): Promise<Labels[]> {
  const known = new Set<string>();
  for (const { key } of others) {
    known.add(key);
    if (slices.areDue) await slices.pause();
  }
  const missing: Labels[] = [];
  for (const labels of series) {
    if (!known.has(labels.key)) missing.push(labels);
    known.add(labels.key);
    if (slices.areDue) await slices.pause();
  }
  return missing;
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

function seriesKeys(plan: BodyPlan): string[] {
  return [...seriesOf(plan)].map(({ key }) => key);
}

/** The series without the reports; none without a plan. */
function* seriesOf(plan: BodyPlan | undefined): Iterable<Labels> {
  if (plan === undefined) return;
  const { layout, foreign, timestamped } = plan;
  yield* layout.series.slice(REPORT_COUNT);
  yield* foreign?.layout.series ?? [];
  for (const { labels } of timestamped) yield labels;
}

function withStale(values: Float64Array, count: number): Float64Array {
  const all = new Float64Array(values.length + count);
  all.set(values);
  const bits = bitsOf(all);
  for (let index = values.length; index < all.length; index++) setStaleAt(bits, index);
  return all;
}
