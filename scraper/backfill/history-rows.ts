import { PihealthError } from "../../exporter/shared/model/errors.js";
import { getOrThrow } from "../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import type { Target } from "../fleet/target.js";
import type { FinalSeries, SeriesContext } from "../scrape/series-context.js";
import type {
  Layout,
  SampleWriter,
  StampedSamples,
  TableWriter,
} from "../storage/model/sample-writer.js";
import type { GroupedSamples, SampleGroup, WrittenSeries } from "./sample-groups.js";

/** Rows appended before the event loop runs scrapes again. */
const ROWS_AT_ONCE = 200;

/** Rows with more cells per sample than this are stored as stamped samples. */
const MOST_CELLS_PER_SAMPLE = 16;

/** Some series of a group and the table that receives them. */
interface TablePlan {
  readonly table: TableWriter;
  readonly layout: Layout;
  /** Index in the group of each series of the layout. */
  readonly indexes: Int32Array;
}

interface WaitingRow {
  readonly timestampMs: number;
  readonly values: Float64Array;
}

/**
 * Turns samples of a history into rows of the tables that scraping the target fills, with the same
 * labels.
 */
export class HistoryRows {
  /** Samples that the storage refused because they are older than the retention. */
  tooOldSamples = 0;
  private readonly plans = new Map<SampleGroup, readonly TablePlan[]>();
  private readonly waiting = new Map<TablePlan, WaitingRow[]>();

  constructor(
    private readonly writer: SampleWriter,
    private readonly target: Target,
    private readonly folder: string,
    private readonly context: SeriesContext,
  ) {}

  /** Keeps samples until `flush`. */
  add(timestampMs: number, { group, values }: GroupedSamples): void {
    for (const plan of this.plansOf(group)) {
      const row = {
        timestampMs,
        values: Float64Array.from(plan.indexes, (index) => values[index] as number),
      };
      const rows = this.waiting.get(plan);
      if (rows === undefined) this.waiting.set(plan, [row]);
      else rows.push(row);
    }
  }

  /**
   * Appends the waiting rows, table by table in ascending order, since late rows are cheap then.
   *
   * @returns the number of samples
   */
  async flush(): Promise<number> {
    let samples = 0;
    let rows = 0;
    for (const [{ table, layout }, waiting] of this.waiting) {
      waiting.sort((left, right) => left.timestampMs - right.timestampMs);
      for (const { timestampMs, values } of waiting) {
        if (table.append(timestampMs, layout, values) === "too_old")
          this.tooOldSamples += values.length;
        samples += values.length;
        if (++rows % ROWS_AT_ONCE === 0) await yieldToEventLoop();
      }
    }
    this.waiting.clear();
    return samples;
  }

  /**
   * As `flush`, but series whose timestamps differ are appended as stamped samples: as rows, each
   * timestamp would take a cell of every series.
   */
  async flushByShape(): Promise<number> {
    const byTable = new Map<TableWriter, [TablePlan, WaitingRow[]][]>();
    for (const entry of this.waiting) {
      const ofTable = byTable.get(entry[0].table);
      if (ofTable === undefined) byTable.set(entry[0].table, [entry]);
      else ofTable.push(entry);
    }
    let samples = 0;
    for (const [table, entries] of byTable) {
      const shape = shapeOf(entries);
      if (shape.timestamps * shape.series.size <= MOST_CELLS_PER_SAMPLE * shape.samples) continue;
      for (const [plan] of entries) this.waiting.delete(plan);
      this.tooOldSamples += table.appendStamped(this.stampedOf(entries, shape));
      samples += shape.samples;
      await yieldToEventLoop();
    }
    return samples + (await this.flush());
  }

  private stampedOf(
    entries: readonly [TablePlan, readonly WaitingRow[]][],
    { series, samples }: Shape,
  ): StampedSamples {
    const columns = new Uint32Array(samples);
    const timestamps = new Float64Array(samples);
    const values = new Float64Array(samples);
    let at = 0;
    for (const [{ layout }, rows] of entries) {
      const columnOf = layout.series.map(({ key }) => getOrThrow(series, key).column);
      for (const row of rows) {
        columns.set(columnOf, at);
        timestamps.fill(row.timestampMs, at, at + columnOf.length);
        values.set(row.values, at);
        at += columnOf.length;
      }
    }
    const labels = Array.from(series.values(), ({ own }) => own);
    return { layout: this.writer.internLayout(labels), columns, timestamps, values };
  }

  /**
   * Labels of the series in the target's table, without the labels of the target. Series of other
   * tables are left out.
   */
  ownLabelsOf(series: readonly WrittenSeries[]): Labels[] {
    const own = new Map<string, Labels>();
    for (const { written } of series) {
      const final = written === undefined ? undefined : this.finish(written);
      if (final !== undefined && !final.isForeign) own.set(final.labels.key, final.labels);
    }
    return [...own.values()];
  }

  private plansOf(group: SampleGroup): readonly TablePlan[] {
    const known = this.plans.get(group);
    if (known !== undefined) return known;
    const own = new Map<string, [number, Labels]>();
    const foreign = new Map<string, [number, Labels]>();
    for (const [index, { written }] of group.series.entries()) {
      const final = written === undefined ? undefined : this.finish(written);
      if (final === undefined) continue;
      const series = final.isForeign ? foreign : own;
      if (!series.has(final.labels.key)) series.set(final.labels.key, [index, final.labels]); // The first one wins.
    }
    const plans = [...this.planOf(this.target.labels, own), ...this.planOf(Labels.EMPTY, foreign)];
    this.plans.set(group, plans);
    return plans;
  }

  private planOf(
    labels: Labels,
    series: ReadonlyMap<string, readonly [number, Labels]>,
  ): TablePlan[] {
    if (series.size === 0) return [];
    const entries = [...series.values()];
    return [
      {
        table: this.writer.openTable({ folder: this.folder, labels }),
        layout: this.writer.internLayout(entries.map(([, own]) => own)),
        indexes: Int32Array.from(entries, ([index]) => index),
      },
    ];
  }

  /**
   * Undefined for series that scraping refuses. A scrape fails as a whole then; here the other
   * series are kept.
   */
  private finish(written: Parameters<SeriesContext["finish"]>[0]): FinalSeries | undefined {
    try {
      return this.context.finish(written);
    } catch (error) {
      if (error instanceof PihealthError) return undefined;
      throw error;
    }
  }
}

/** What the waiting rows of one table hold. */
interface Shape {
  readonly series: ReadonlyMap<string, { readonly own: Labels; readonly column: number }>;
  /** Number of different timestamps. */
  readonly timestamps: number;
  readonly samples: number;
}

function shapeOf(entries: readonly [TablePlan, readonly WaitingRow[]][]): Shape {
  const series = new Map<string, { own: Labels; column: number }>();
  const timestamps = new Set<number>();
  let samples = 0;
  for (const [{ layout }, rows] of entries) {
    for (const own of layout.series)
      if (!series.has(own.key)) series.set(own.key, { own, column: series.size });
    for (const { timestampMs } of rows) timestamps.add(timestampMs);
    samples += layout.series.length * rows.length;
  }
  return { series, timestamps: timestamps.size, samples };
}
