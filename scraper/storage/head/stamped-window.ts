import type { StampedBatch } from "../codec/stamped-codec.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";
import type { SeriesSamples } from "../model/stamped.js";
import { sortBySeries } from "../model/stamped-sort.js";

const FIRST_CAPACITY = 256;

/**
 * The newest stamped samples of a table, in the order in which they arrived.
 *
 * A sample takes 20 bytes, whatever its series. The samples are sorted by series when somebody reads
 * them, at most once per batch.
 */
export class StampedWindow {
  private sampleCount = 0;
  private columns = new Uint32Array(0);
  private timestamps = new Float64Array(0);
  private values = new Float64Array(0);
  /** Number of the series of each column. */
  private ids: number[] = [];
  /** The layout of all batches so far; undefined when they had different ones. */
  private layout: InternedLayout | undefined;
  private readonly columnOfId = new Map<number, number>();
  private sorted: readonly SeriesSamples[] | undefined;
  private earliestMs = Number.POSITIVE_INFINITY;
  private latestMs = Number.NEGATIVE_INFINITY;

  get samples(): number {
    return this.sampleCount;
  }

  /** Number of the series of each column. */
  get seriesIds(): Uint32Array {
    return this.layout?.seriesIds ?? Uint32Array.from(this.ids);
  }

  get seriesCount(): number {
    return this.layout?.seriesIds.length ?? this.ids.length;
  }

  get sharedLayout(): InternedLayout | undefined {
    return this.layout;
  }

  get fromMs(): number {
    return this.earliestMs;
  }

  /** Time of the newest sample, inclusive. */
  get lastMs(): number {
    return this.latestMs;
  }

  append({ layout, columns, timestamps, values }: StampedBatch): void {
    const count = timestamps.length;
    this.reserve(this.sampleCount + count);
    const columnOf = this.columnsFor(layout);
    this.sorted = undefined;
    for (let index = 0; index < count; index++) {
      const column = columns === undefined ? index : (columns[index] as number);
      const timestampMs = timestamps[index] as number;
      if (timestampMs < this.earliestMs) this.earliestMs = timestampMs;
      if (timestampMs > this.latestMs) this.latestMs = timestampMs;
      this.columns[this.sampleCount + index] =
        columnOf === undefined ? column : (columnOf[column] as number);
    }
    this.timestamps.set(timestamps, this.sampleCount);
    this.values.set(values, this.sampleCount);
    this.sampleCount += count;
  }

  /** The samples of each column; valid for ever, also when more samples come. */
  bySeries(): readonly SeriesSamples[] {
    const { columns, timestamps, values, sampleCount: count } = this;
    this.sorted ??= sortBySeries([{ columns, timestamps, values, count }], this.seriesCount);
    return this.sorted;
  }

  /** The layout of all columns. */
  unionLayout(registry: LayoutRegistry): InternedLayout {
    return this.layout ?? registry.internIds(Uint32Array.from(this.ids));
  }

  clear(): void {
    this.sampleCount = 0;
    this.ids = [];
    this.layout = undefined;
    this.columnOfId.clear();
    this.sorted = undefined;
    this.earliestMs = Number.POSITIVE_INFINITY;
    this.latestMs = Number.NEGATIVE_INFINITY;
  }

  /** @returns undefined when the columns of the layout are the columns of the window */
  private columnsFor(layout: InternedLayout): Uint32Array | undefined {
    if (this.sampleCount === 0) this.layout = layout;
    if (this.layout === layout) return undefined;
    if (this.layout !== undefined) {
      for (const id of this.layout.seriesIds) this.addColumn(id);
      this.layout = undefined;
    }
    return layout.seriesIds.map((id) => this.columnOfId.get(id) ?? this.addColumn(id));
  }

  private addColumn(id: number): number {
    const column = this.ids.push(id) - 1;
    this.columnOfId.set(id, column);
    return column;
  }

  private reserve(count: number): void {
    if (count <= this.columns.length) return;
    const capacity = Math.max(FIRST_CAPACITY, count, Math.ceil(this.columns.length * 1.5));
    const { columns, timestamps, values } = this;
    this.columns = new Uint32Array(capacity);
    this.columns.set(columns);
    this.timestamps = new Float64Array(capacity);
    this.timestamps.set(timestamps);
    this.values = new Float64Array(capacity);
    this.values.set(values);
  }
}
