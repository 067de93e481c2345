import { ABSENT_BITS, bitsOf, isAbsentAt } from "../../exporter/shared/model/special-values.js";
import type { InternedLayout, LayoutRegistry } from "./layout-registry.js";

/** Rows a window holds at most; when it is full the older half leaves. */
export const WINDOW_ROWS = 48;
export const HALF_WINDOW_ROWS = WINDOW_ROWS / 2;
const CONSTANT = -1;
/**
 * Columns the union of layouts may have before a window must start afresh, as a multiple of the
 * newest layout.
 */
const MAX_UNION_FACTOR = 2;
const UNION_ALLOWANCE = 64;
const AREA_GROWTH = 1.25;
/** Up to here room is doubled: nearly every target has so many columns that vary. */
const SMALL_SLOTS = 64;

const ABSENT_LOW = Number(ABSENT_BITS & 0xffffffffn);
const ABSENT_HIGH = Number(ABSENT_BITS >> 32n);

/**
 * The newest rows of one table, ready to be read column by column.
 *
 * A column that has had one value only costs that value; a column that varies has a slot of
 * `WINDOW_ROWS` doubles. Rows may have different layouts: the window has the union of their
 * columns, ABSENT where a row has no such series.
 */
export class RowWindow {
  /** Rows from the first on that are kept elsewhere too (in a chunk), and so may leave. */
  sealedRows = 0;
  private rowCount = 0;
  private readonly timestamps = new Float64Array(WINDOW_ROWS);
  /**
   * Series number of each column; as `last` and `slots` it may be longer than `columnCount`. May be
   * the layout's.
   */
  private seriesIds: Uint32Array;
  private columnCount: number;
  private last: Float64Array;
  private lastBits: Uint32Array;
  private slots: Int32Array;
  private slotCount = 0;
  private area: Float64Array = new Float64Array(0);
  private areaBits = bitsOf(this.area);
  /** Column of the window for each column of `layout`; undefined when they are the same. */
  private columnOf: Int32Array | undefined;
  /** Columns that `layout` lacks. */
  private missing: Uint32Array = new Uint32Array(0);

  constructor(private layout: InternedLayout) {
    this.columnCount = layout.seriesIds.length;
    this.seriesIds = layout.seriesIds;
    this.last = new Float64Array(this.columnCount);
    this.lastBits = bitsOf(this.last);
    this.slots = new Int32Array(this.columnCount).fill(CONSTANT);
  }

  get rows(): number {
    return this.rowCount;
  }

  get isFull(): boolean {
    return this.rowCount === WINDOW_ROWS;
  }

  get newestLayout(): InternedLayout {
    return this.layout;
  }

  /** The layout whose columns are exactly those of the window, if there is one. */
  get sharedLayout(): InternedLayout | undefined {
    return this.seriesIds === this.layout.seriesIds ? this.layout : undefined;
  }

  /** Series number of each column. A view, stale after the next row. */
  get columns(): Uint32Array {
    return this.seriesIds.subarray(0, this.columnCount);
  }

  /** Bytes of memory held. */
  get sizeBytes(): number {
    const ownIds = this.seriesIds === this.layout.seriesIds ? 0 : this.seriesIds.byteLength;
    const mapping = (this.columnOf?.byteLength ?? 0) + this.missing.byteLength;
    return (
      this.area.byteLength +
      this.last.byteLength +
      this.slots.byteLength +
      ownIds +
      mapping +
      WINDOW_ROWS * 8
    );
  }

  /** False when too many series have come and gone for one window. */
  canTake(layout: InternedLayout): boolean {
    return (
      layout === this.layout ||
      this.columnCount <= MAX_UNION_FACTOR * layout.seriesIds.length + UNION_ALLOWANCE
    );
  }

  /**
   * Only when not full; `timestampMs` is after that of the last row. Flat: runs for every sample.
   */
  append(
    timestampMs: number,
    layout: InternedLayout,
    values: Float64Array,
    registry: LayoutRegistry,
  ): void {
    if (layout !== this.layout) this.adopt(layout, registry);
    const row = this.rowCount;
    const bits = bitsOf(values);
    const { columnOf, lastBits, slots } = this;
    let areaBits = this.areaBits;
    for (let index = 0; index < values.length; index++) {
      const column = columnOf === undefined ? index : (columnOf[index] as number);
      const low = bits[2 * index] as number;
      const high = bits[2 * index + 1] as number;
      const slot = slots[column] as number;
      if (slot !== CONSTANT) {
        const at = 2 * (slot * WINDOW_ROWS + row);
        areaBits[at] = low;
        areaBits[at + 1] = high;
        lastBits[2 * column] = low;
        lastBits[2 * column + 1] = high;
      } else if (low !== lastBits[2 * column] || high !== lastBits[2 * column + 1]) {
        this.vary(column, low, high);
        areaBits = this.areaBits;
      }
    }
    for (const column of this.missing) this.put(column, ABSENT_LOW, ABSENT_HIGH);
    this.timestamps[row] = timestampMs;
    this.rowCount = row + 1;
  }

  timestampAt(row: number): number {
    return this.timestamps[row] as number;
  }

  /** First row at or after `timestampMs`; `rows` when there is none. */
  rowAtOrAfter(timestampMs: number): number {
    let row = 0;
    while (row < this.rowCount && (this.timestamps[row] as number) < timestampMs) row++;
    return row;
  }

  /** Timestamps of the rows `[from, until)`, in memory of their own. */
  copyTimestamps(from: number, until: number): Float64Array {
    return this.timestamps.slice(from, until);
  }

  /** Values of the rows `[from, until)` of a column, in memory of their own. */
  copyColumn(column: number, from: number, until: number): Float64Array {
    const slot = this.slots[column] as number;
    if (slot !== CONSTANT)
      return this.area.slice(slot * WINDOW_ROWS + from, slot * WINDOW_ROWS + until);
    const values = new Float64Array(until - from);
    const bits = bitsOf(values);
    const low = this.lastBits[2 * column] as number;
    const high = this.lastBits[2 * column + 1] as number;
    for (let index = 0; index < values.length; index++) {
      bits[2 * index] = low;
      bits[2 * index + 1] = high;
    }
    return values;
  }

  /** The union of the layouts of the rows held. */
  unionLayout(registry: LayoutRegistry): InternedLayout {
    return this.sharedLayout ?? registry.internIds(this.columns.slice());
  }

  /**
   * Lets the older half go; columns with no value in the newer half go too, unless the newest
   * layout has them.
   */
  dropOlderHalf(registry: LayoutRegistry): void {
    const kept = this.rowCount - HALF_WINDOW_ROWS;
    if (this.missing.some((column) => this.isAbsentSince(column, HALF_WINDOW_ROWS)))
      this.removeEmptyColumns(registry);
    this.moveArea(HALF_WINDOW_ROWS, kept);
    this.timestamps.copyWithin(0, HALF_WINDOW_ROWS, this.rowCount);
    this.rowCount = kept;
    this.sealedRows = Math.max(0, this.sealedRows - HALF_WINDOW_ROWS);
  }

  private put(column: number, low: number, high: number): void {
    const slot = this.slots[column] as number;
    if (
      slot === CONSTANT &&
      low === this.lastBits[2 * column] &&
      high === this.lastBits[2 * column + 1]
    )
      return;
    this.vary(column, low, high);
  }

  private vary(column: number, low: number, high: number): void {
    if (this.rowCount > 0) {
      const known = this.slots[column] as number;
      const slot = known === CONSTANT ? this.giveSlot(column) : known;
      const at = 2 * (slot * WINDOW_ROWS + this.rowCount);
      this.areaBits[at] = low;
      this.areaBits[at + 1] = high;
    }
    this.lastBits[2 * column] = low;
    this.lastBits[2 * column + 1] = high;
  }

  /** A slot for a column that was constant so far, filled with that constant. */
  private giveSlot(column: number): number {
    const slot = this.slotCount++;
    if (this.slotCount * WINDOW_ROWS > this.area.length) {
      const slots = Math.max(this.slotCount * AREA_GROWTH, Math.min(2 * this.slotCount, SMALL_SLOTS));
      const grown = new Float64Array(Math.ceil(slots) * WINDOW_ROWS);
      grown.set(this.area);
      this.useArea(grown);
    }
    this.slots[column] = slot;
    const low = this.lastBits[2 * column] as number;
    const high = this.lastBits[2 * column + 1] as number;
    for (let row = 0; row < this.rowCount; row++) {
      const at = 2 * (slot * WINDOW_ROWS + row);
      this.areaBits[at] = low;
      this.areaBits[at + 1] = high;
    }
    return slot;
  }

  private useArea(area: Float64Array): void {
    this.area = area;
    this.areaBits = bitsOf(area);
  }

  /**
   * Makes the rows to come have another layout: new series become columns, absent in the rows
   * before.
   */
  private adopt(layout: InternedLayout, registry: LayoutRegistry): void {
    const columnOf = new Int32Array(layout.seriesIds.length);
    registry.withScratch((columnOfSeries) => {
      for (let column = 0; column < this.columnCount; column++) {
        columnOfSeries[this.seriesIds[column] as number] = column;
      }
      const before = this.columnCount;
      const isPresent = new Uint8Array(before);
      layout.seriesIds.forEach((id, index) => {
        const known = columnOfSeries[id] as number;
        columnOf[index] = known === -1 ? this.addColumn(id) : known;
        if (known !== -1) isPresent[known] = 1;
      });
      const columns = Uint32Array.from(isPresent.keys());
      this.missing = columns.filter((column) => isPresent[column] === 0);
      return this.columns;
    });
    this.layout = layout;
    const isSame =
      this.columnCount === columnOf.length && columnOf.every((column, index) => column === index);
    this.columnOf = isSame ? undefined : columnOf;
    if (isSame) this.seriesIds = layout.seriesIds;
  }

  private addColumn(seriesId: number): number {
    const column = this.columnCount;
    if (column >= this.last.length || this.seriesIds === this.layout.seriesIds) this.growColumns();
    this.columnCount++;
    this.seriesIds[column] = seriesId;
    this.slots[column] = CONSTANT;
    this.lastBits[2 * column] = this.rowCount === 0 ? 0 : ABSENT_LOW;
    this.lastBits[2 * column + 1] = this.rowCount === 0 ? 0 : ABSENT_HIGH;
    return column;
  }

  private growColumns(): void {
    const capacity = Math.ceil(this.columnCount * 1.1) + 8;
    const seriesIds = new Uint32Array(capacity);
    seriesIds.set(this.columns);
    this.seriesIds = seriesIds;
    const last = new Float64Array(capacity);
    last.set(this.last.subarray(0, this.columnCount));
    this.last = last;
    this.lastBits = bitsOf(last);
    const slots = new Int32Array(capacity);
    slots.set(this.slots.subarray(0, this.columnCount));
    this.slots = slots;
  }

  private isAbsentSince(column: number, row: number): boolean {
    const slot = this.slots[column] as number;
    if (slot === CONSTANT) return isAbsentAt(this.lastBits, column);
    for (let at = row; at < this.rowCount; at++)
      if (!isAbsentAt(this.areaBits, slot * WINDOW_ROWS + at)) return false;
    return true;
  }

  private removeEmptyColumns(registry: LayoutRegistry): void {
    const isEmpty = new Uint8Array(this.columnCount);
    for (const column of this.missing)
      if (this.isAbsentSince(column, HALF_WINDOW_ROWS)) isEmpty[column] = 1;
    this.growColumns();
    let kept = 0;
    for (let column = 0; column < this.columnCount; column++) {
      if (isEmpty[column] === 1) continue;
      this.seriesIds[kept] = this.seriesIds[column] as number;
      this.slots[kept] = this.slots[column] as number;
      this.lastBits[2 * kept] = this.lastBits[2 * column] as number;
      this.lastBits[2 * kept + 1] = this.lastBits[2 * column + 1] as number;
      kept++;
    }
    this.columnCount = kept;
    this.adopt(this.layout, registry);
  }

  /**
   * Moves `kept` rows from `from` to the front, and takes the slots of columns that no longer vary.
   */
  private moveArea(from: number, kept: number): void {
    const varying: number[] = [];
    for (let column = 0; column < this.columnCount; column++) {
      if ((this.slots[column] as number) === CONSTANT) continue;
      if (this.isConstantSince(column, from)) this.slots[column] = CONSTANT;
      else varying.push(column);
    }
    const area = new Float64Array(Math.ceil(varying.length * 1.05) * WINDOW_ROWS);
    varying.forEach((column, slot) => {
      const source = (this.slots[column] as number) * WINDOW_ROWS + from;
      area.set(this.area.subarray(source, source + kept), slot * WINDOW_ROWS);
      this.slots[column] = slot;
    });
    this.slotCount = varying.length;
    this.useArea(area);
  }

  private isConstantSince(column: number, row: number): boolean {
    const start = (this.slots[column] as number) * WINDOW_ROWS;
    const low = this.lastBits[2 * column];
    const high = this.lastBits[2 * column + 1];
    for (let at = start + row; at < start + this.rowCount; at++) {
      if (this.areaBits[2 * at] !== low || this.areaBits[2 * at + 1] !== high) return false;
    }
    return true;
  }
}
