import { ABSENT_BITS, bitsOf } from "../../../exporter/shared/model/special-values.js";
import type { AreaPool } from "./area-pool.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";

/** Rows a window holds at most. */
export const WINDOW_ROWS = 24;
/** Rows of an area: a window has as many areas as its rows need, not one for all it may get. */
const AREA_ROWS = 8;
const CONSTANT = -1;
const EMPTY = new Uint32Array(0);
/**
 * Columns the union of layouts may have before a window must start afresh, as a multiple of the
 * newest layout.
 */
const MAX_UNION_FACTOR = 2;
const UNION_ALLOWANCE = 64;
/** Slots beyond those in use, at first and when there are too few. */
const SPARE_SLOTS = 4;
const SLOT_GROWTH = 1.25;
/** Up to here room is doubled: nearly every target has so many columns that vary. */
const SMALL_SLOTS = 64;

const ABSENT_LOW = Number(ABSENT_BITS & 0xffffffffn);
const ABSENT_HIGH = Number(ABSENT_BITS >> 32n);

/**
 * The rows of one table that are in no chunk yet, ready to be read column by column.
 *
 * A column that has had one value only costs that value; a column that varies has a slot in
 * each area. Rows may have different layouts: the window has the union
 * of their columns, ABSENT where a row has no such series.
 */
export class RowWindow {
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
  private slotLimit = 0;
  /** Low and high word of each value, `AREA_ROWS` values for each slot. */
  private areas: Uint32Array[] = [];
  /** That of the row being written. */
  private area: Uint32Array = EMPTY;
  /** Column of the window for each column of `layout`; undefined when they are the same. */
  private columnOf: Int32Array | undefined;
  /** Columns that `layout` lacks. */
  private missing: Uint32Array = new Uint32Array(0);

  constructor(
    private layout: InternedLayout,
    private readonly pool: AreaPool,
  ) {
    this.columnCount = layout.seriesIds.length;
    this.seriesIds = layout.seriesIds;
    this.last = new Float64Array(this.columnCount);
    this.lastBits = bitsOf(this.last);
    this.slots = new Int32Array(this.columnCount).fill(CONSTANT);
  }

  get rows(): number {
    return this.rowCount;
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
      this.areas.reduce((sum, { byteLength }) => sum + byteLength, 0) +
      this.last.byteLength +
      this.slots.byteLength +
      ownIds +
      mapping +
      WINDOW_ROWS * 8
    );
  }

  /** False when too many series have come and gone for one window, or a new one costs nothing. */
  canTake(layout: InternedLayout): boolean {
    if (layout === this.layout) return true;
    const mostColumns = MAX_UNION_FACTOR * layout.seriesIds.length + UNION_ALLOWANCE;
    return this.rowCount > 0 && this.columnCount <= mostColumns;
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
    const rowInArea = row % AREA_ROWS;
    if (rowInArea === 0) this.addArea();
    const bits = bitsOf(values);
    const { columnOf, lastBits, slots } = this;
    let { area } = this;
    for (let index = 0; index < values.length; index++) {
      const column = columnOf === undefined ? index : (columnOf[index] as number);
      const low = bits[2 * index] as number;
      const high = bits[2 * index + 1] as number;
      const slot = slots[column] as number;
      if (slot !== CONSTANT) {
        const at = 2 * (slot * AREA_ROWS + rowInArea);
        area[at] = low;
        area[at + 1] = high;
        lastBits[2 * column] = low;
        lastBits[2 * column + 1] = high;
      } else if (low !== lastBits[2 * column] || high !== lastBits[2 * column + 1]) {
        this.vary(column, low, high);
        area = this.area;
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
    const values = new Float64Array(until - from);
    this.readColumn(column, from, values);
    return values;
  }

  /** Fills `values` with those of a column, from row `from` on. */
  readColumn(column: number, from: number, values: Float64Array): void {
    const slot = this.slots[column] as number;
    const bits = bitsOf(values);
    if (slot === CONSTANT) {
      const low = this.lastBits[2 * column] as number;
      const high = this.lastBits[2 * column + 1] as number;
      for (let index = 0; index < values.length; index++) {
        bits[2 * index] = low;
        bits[2 * index + 1] = high;
      }
      return;
    }
    for (let index = 0; index < values.length; index++) {
      const row = from + index;
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (slot * AREA_ROWS + (row % AREA_ROWS));
      bits[2 * index] = area[at] as number;
      bits[2 * index + 1] = area[at + 1] as number;
    }
  }

  /** The union of the layouts of the rows held. */
  unionLayout(registry: LayoutRegistry): InternedLayout {
    return this.sharedLayout ?? registry.internIds(this.columns.slice());
  }

  /** Lets every row go; columns that the newest layout has not go too. */
  clear(registry: LayoutRegistry): void {
    if (this.missing.length > 0) this.removeMissing(registry);
    this.keepSlots();
    this.rowCount = 0;
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
    const known = this.slots[column] as number;
    if (this.rowCount > 0 || known !== CONSTANT) {
      const slot = known === CONSTANT ? this.giveSlot(column) : known;
      const at = 2 * (slot * AREA_ROWS + (this.rowCount % AREA_ROWS));
      this.area[at] = low;
      this.area[at + 1] = high;
    }
    this.lastBits[2 * column] = low;
    this.lastBits[2 * column + 1] = high;
  }

  /** A slot for a column that was constant so far, filled with that constant. */
  private giveSlot(column: number): number {
    const slot = this.slotCount++;
    if (this.slotCount > this.slotLimit) {
      const doubled = Math.min(2 * this.slotCount, SMALL_SLOTS);
      this.moveAreas(Math.ceil(Math.max(this.slotCount * SLOT_GROWTH, doubled)));
    }
    this.slots[column] = slot;
    const low = this.lastBits[2 * column] as number;
    const high = this.lastBits[2 * column + 1] as number;
    for (let row = 0; row < this.rowCount; row++) {
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (slot * AREA_ROWS + (row % AREA_ROWS));
      area[at] = low;
      area[at + 1] = high;
    }
    return slot;
  }

  private addArea(): void {
    this.area = this.pool.take(2 * this.slotLimit * AREA_ROWS);
    this.areas.push(this.area);
  }

  /** To areas with more slots. */
  private moveAreas(slotLimit: number): void {
    this.slotLimit = slotLimit;
    const { areas } = this;
    this.areas = [];
    for (const area of areas) {
      this.addArea();
      this.area.set(area);
      this.pool.give(area);
    }
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

  private removeMissing(registry: LayoutRegistry): void {
    const isMissing = new Uint8Array(this.columnCount);
    for (const column of this.missing) isMissing[column] = 1;
    this.growColumns();
    let kept = 0;
    for (let column = 0; column < this.columnCount; column++) {
      if (isMissing[column] === 1) continue;
      this.seriesIds[kept] = this.seriesIds[column] as number;
      this.slots[kept] = this.slots[column] as number;
      this.lastBits[2 * kept] = this.lastBits[2 * column] as number;
      this.lastBits[2 * kept + 1] = this.lastBits[2 * column + 1] as number;
      kept++;
    }
    this.columnCount = kept;
    this.adopt(this.layout, registry);
  }

  /** Columns that varied keep a slot; the areas go, the next row takes one. */
  private keepSlots(): void {
    let kept = 0;
    for (let column = 0; column < this.columnCount; column++) {
      if ((this.slots[column] as number) === CONSTANT) continue;
      this.slots[column] = this.hasVaried(column) ? kept++ : CONSTANT;
    }
    this.slotCount = kept;
    this.slotLimit = kept === 0 ? 0 : kept + SPARE_SLOTS;
    for (const area of this.areas) this.pool.give(area);
    this.areas = [];
    this.area = EMPTY;
  }

  private hasVaried(column: number): boolean {
    const start = (this.slots[column] as number) * AREA_ROWS;
    const low = this.lastBits[2 * column];
    const high = this.lastBits[2 * column + 1];
    for (let row = 0; row < this.rowCount; row++) {
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (start + (row % AREA_ROWS));
      if (area[at] !== low || area[at + 1] !== high) return true;
    }
    return false;
  }
}
