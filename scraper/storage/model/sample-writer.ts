import type { Labels } from "../../../exporter/shared/model/labels.js";

/**
 * The ordered label sets of one body, without the labels of its target. Interned: two equal lists are one object, so
 * ten thousand identical Pis share one. A label of a layout wins over the target's label of the same name; the value
 * "" cannot occur.
 */
export interface Layout {
  readonly id: number;
  readonly series: readonly Labels[];
}

/** Whose samples these are, and the folder below the data folder that holds them. */
export interface TableKey {
  /** `hosts/192.168.1.10` for a target, `rules` for what recording rules yield. One folder can hold many tables. */
  readonly folder: string;
  /** Labels that every series of the table has, such as `instance` and `job`. */
  readonly labels: Labels;
}

/** The samples of one target: rows appended in the order of their timestamps, whatever their layout. */
export interface TableWriter {
  /**
   * Adds one row. It is visible to queries at once and durable after the next group commit.
   *
   * @param values one per series of the layout, copied; may hold staleness markers and ABSENT, by their bits
   * @returns `late` when the table already holds a row at this time or a later one: the row is kept as late data, and
   *   a sample that exists already stays as it is (first write wins); `too_old` when it is beyond the retention
   */
  append(
    timestampMs: number,
    layout: Layout,
    values: Float64Array,
  ): "appended" | "late" | "too_old";
}

/** What scraping, rules and backfill may ask of the storage. */
export interface SampleWriter {
  /** @param series label sets without empty values, each at most once */
  internLayout(series: readonly Labels[]): Layout;
  /** The same object for the same key. */
  openTable(key: TableKey): TableWriter;
  /** Resolves when everything appended before the call is durable; rejects when the disk refuses. */
  commit(): Promise<void>;
}
