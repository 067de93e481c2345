import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";

/**
 * The ordered label sets of one body, without the labels of its target. Layouts are interned: two
 * equal lists are one object, so ten thousand identical Pis share one. A label of a layout wins over
 * the target's label of the same name. No label has an empty value.
 */
export interface Layout {
  readonly id: number;
  readonly series: readonly Labels[];
}

/** Identifies a table: the folder below the data folder that holds it, and the labels of its target. */
export interface TableKey {
  /** `hosts/192.168.1.10` for a target, `rules` for recording rules. A folder can hold many tables. */
  readonly folder: string;
  /** Labels that every series of the table has, such as `instance` and `job`. */
  readonly labels: Labels;
}

/**
 * The result of appending a row:
 *
 * - `late`: the table has a row at this time or later. The row is kept as late data, and samples that
 *   exist already stay as they are (the first write wins).
 * - `too_old`: the row is older than the retention and was not kept.
 */
export type AppendResult = "appended" | "late" | "too_old";

/** Samples with timestamps of their own, as cAdvisor, DCGM and the Pushgateway expose them. */
export interface StampedSamples {
  readonly layout: Layout;
  /** Column in the layout of each sample; undefined when sample n belongs to column n. */
  readonly columns: Uint32Array | undefined;
  /** Whole milliseconds since the Unix epoch, one per sample, in any order. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** The samples of one target, as rows of any layout. */
export interface TableWriter {
  /**
   * Adds one row. Queries see it at once; it is durable after the next group commit.
   *
   * @param values one per series of the layout, copied; may hold staleness markers and ABSENT, by
   *   their bits
   */
  append(timestampMs: number, layout: Layout, values: Float64Array): AppendResult;
  /**
   * Adds samples whose timestamps differ from series to series, at a cost by samples. Of two samples of a
   * series at one instant, the first one written stays.
   *
   * @param samples copied
   * @returns the number of samples refused because they are older than the retention
   */
  appendStamped(samples: StampedSamples): number;
  /**
   * Does what it can of the work that a row of a large layout needs, in slices, so that `append` does
   * not block the event loop for long. The caller holds the layouts.
   */
  prepare(layout: Layout, slices: TimeSlices): Promise<void>;
}

/** The write side of the storage, for scraping, rules and backfill. */
export interface SampleWriter {
  /** @param series label sets without empty values, each at most once */
  internLayout(series: readonly Labels[]): Layout;
  /** As `internLayout`, in slices. The caller holds the layouts. */
  internLayoutInSlices(series: readonly Labels[], slices: TimeSlices): Promise<Layout>;
  /**
   * Keeps all layouts until the returned function is called, for the work on a large row. Without it,
   * a layout that nobody uses is forgotten between two turns of the event loop.
   */
  holdLayouts(): () => void;
  /** Returns the same object for the same key. */
  openTable(key: TableKey): TableWriter;
  /** Resolves when everything appended before the call is durable; rejects when the disk refuses. */
  commit(): Promise<void>;
}
