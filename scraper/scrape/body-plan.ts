import { EMPTY_HASH, extendHash } from "../../exporter/shared/model/hash.js";
import { Labels, METRIC_NAME } from "../../exporter/shared/model/labels.js";
import type { Layout, SampleWriter } from "../storage/model/sample-writer.js";
import type { TimeSlices } from "../../exporter/shared/platform/time-slices.js";
import type { BodyChunk } from "./body-chunk.js";
import { ScrapeLimitError } from "./scrape-errors.js";
import type { SeriesContext } from "./series-context.js";
import { WeakInterner } from "./weak-interner.js";

/** The first series of every row of a target, in this order. */
export const REPORT_METRICS = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
] as const;
export const REPORT_COUNT = REPORT_METRICS.length;
export const REPORT_SERIES: readonly Labels[] = REPORT_METRICS.map((name) =>
  Labels.of({ [METRIC_NAME]: name }),
);
const REPORT_KEYS = new Set(REPORT_SERIES.map(({ key }) => key));

/** A sample with a timestamp that is honoured. */
export interface TimestampedSeries {
  /** Index of the sample in the body. */
  readonly sample: number;
  readonly labels: Labels;
  readonly isForeign: boolean;
}

/** Series that lack a label of their target. They go to a table that has no labels of its own. */
export interface ForeignSeries {
  /** Index of the sample in the body, by column. */
  readonly samples: Int32Array;
  readonly layout: Layout;
}

/** Maps the samples of a body to columns. Immutable; targets with equal bodies share it. */
export interface BodyPlan {
  readonly chunks: readonly BodyChunk[];
  readonly context: SeriesContext;
  /** Samples left after relabelling, including duplicates. */
  readonly keptCount: number;
  /**
   * Samples whose series occurred earlier in the same body. The first sample of a series is kept.
   */
  readonly duplicateCount: number;
  /**
   * Column of each sample of the body, -1 for none, not counting the reports; undefined when sample
   * n belongs to column n.
   */
  readonly columns: Int32Array | undefined;
  /** The report series, then the series of the columns. */
  readonly layout: Layout;
  /** Number of series in `layout`. */
  readonly width: number;
  /** Samples for the table of foreign series, and its layout; undefined when there are none. */
  readonly foreign: ForeignSeries | undefined;
  readonly timestamped: readonly TimestampedSeries[];
}

/** Creates plans and keeps one for each list of chunks in each context. */
export class BodyPlanCache {
  private readonly plans = new WeakInterner<BodyPlan>();

  constructor(
    private readonly writer: Pick<SampleWriter, "internLayout" | "internLayoutInSlices">,
  ) {}

  /**
   * @throws {ScrapeLimitError} when the body has too many samples, or a series exceeds a label
   * limit
   */
  planOf(chunks: readonly BodyChunk[], context: SeriesContext): BodyPlan {
    const hash = hashOf(chunks);
    return this.find(hash, chunks, context) ?? this.plans.add(hash, this.compile(chunks, context));
  }

  /**
   * As `planOf`, in slices. The caller holds the layouts.
   *
   * @throws {ScrapeLimitError}
   */
  async planInSlices(
    chunks: readonly BodyChunk[],
    context: SeriesContext,
    slices: TimeSlices,
  ): Promise<BodyPlan> {
    const hash = hashOf(chunks);
    const known = this.find(hash, chunks, context);
    if (known !== undefined) return known;
    const builder = new PlanBuilder(context);
    for (const chunk of chunks) {
      builder.addChunk(chunk);
      if (slices.areDue) await slices.pause();
    }
    checkCount(builder, context);
    const layout = await this.writer.internLayoutInSlices(builder.ownSeries, slices);
    const { foreignSeries } = builder;
    const foreignLayout =
      foreignSeries.length === 0
        ? undefined
        : await this.writer.internLayoutInSlices(foreignSeries, slices);
    return this.plans.add(hash, builder.build(chunks, layout, foreignLayout));
  }

  private find(
    hash: number,
    chunks: readonly BodyChunk[],
    context: SeriesContext,
  ): BodyPlan | undefined {
    return this.plans.find(
      hash,
      (plan) =>
        plan.context === context &&
        plan.chunks.length === chunks.length &&
        plan.chunks.every((chunk, index) => chunk === chunks[index]),
    );
  }

  private compile(chunks: readonly BodyChunk[], context: SeriesContext): BodyPlan {
    const builder = new PlanBuilder(context);
    for (const chunk of chunks) builder.addChunk(chunk);
    checkCount(builder, context);
    const { ownSeries, foreignSeries } = builder;
    return builder.build(
      chunks,
      this.writer.internLayout(ownSeries),
      foreignSeries.length === 0 ? undefined : this.writer.internLayout(foreignSeries),
    );
  }
}

function hashOf(chunks: readonly BodyChunk[]): number {
  let hash = EMPTY_HASH;
  for (const { id } of chunks) hash = extendHash(hash, id);
  return hash;
}

function checkCount(
  { keptCount }: PlanBuilder,
  { settings: { sampleLimit } }: SeriesContext,
): void {
  if (sampleLimit === 0 || keptCount <= sampleLimit) return;
  const detail = `sample limit exceeded (samples: ${keptCount}, limit: ${sampleLimit})`;
  throw new ScrapeLimitError("sample_limit", detail);
}

class PlanBuilder {
  keptCount = 0;
  private duplicateCount = 0;
  private isIdentity = true;
  private readonly columns: number[] = [];
  /** The report series, then the series of the columns. */
  readonly ownSeries: Labels[] = [...REPORT_SERIES];
  private readonly keys = new Set<string>(REPORT_KEYS);
  private readonly foreignSamples: number[] = [];
  readonly foreignSeries: Labels[] = [];
  private readonly foreignKeys = new Set<string>();
  private readonly timestamped: TimestampedSeries[] = [];

  constructor(private readonly context: SeriesContext) {}

  addChunk(chunk: BodyChunk): void {
    chunk.series.forEach((written, index) => {
      const final = this.context.finish(written);
      const sample = this.columns.length;
      this.columns.push(-1);
      if (final === undefined) {
        this.isIdentity = false;
        return;
      }
      this.keptCount++;
      const isTimestamped = chunk.isTimestamped(index) && this.context.settings.honorTimestamps;
      if (isTimestamped) this.timestamped.push({ sample, ...final });
      else if (final.isForeign) this.addForeign(sample, final.labels);
      else this.addColumn(sample, final.labels);
      this.isIdentity &&= this.columns[sample] === sample;
    });
  }

  /**
   * @param layout of `ownSeries`
   * @param foreignLayout of `foreignSeries`, undefined when there are none
   */
  build(chunks: readonly BodyChunk[], layout: Layout, foreignLayout: Layout | undefined): BodyPlan {
    const foreign =
      foreignLayout === undefined
        ? undefined
        : { samples: Int32Array.from(this.foreignSamples), layout: foreignLayout };
    return {
      chunks,
      context: this.context,
      keptCount: this.keptCount,
      duplicateCount: this.duplicateCount,
      columns: this.isIdentity ? undefined : Int32Array.from(this.columns),
      layout,
      width: this.ownSeries.length,
      foreign,
      timestamped: this.timestamped,
    };
  }

  private addColumn(sample: number, labels: Labels): void {
    if (!this.isNew(this.keys, labels)) return;
    this.columns[sample] = this.ownSeries.length - REPORT_COUNT;
    this.ownSeries.push(labels);
  }

  private addForeign(sample: number, labels: Labels): void {
    if (!this.isNew(this.foreignKeys, labels)) return;
    this.foreignSamples.push(sample);
    this.foreignSeries.push(labels);
  }

  private isNew(keys: Set<string>, { key }: Labels): boolean {
    if (keys.has(key)) {
      this.duplicateCount++;
      return false;
    }
    keys.add(key);
    return true;
  }
}
