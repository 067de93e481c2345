import { ABSENT_BITS, bitsOf } from "../../../exporter/shared/model/special-values.js";
import type { AreaPool } from "./area-pool.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";

/** Most rows of a window. */
export const WINDOW_ROWS = 24;
/** Rows of an area. A window has as many areas as its rows need. */
const AREA_ROWS = 8;
/** Slot of a column that has had one value only. */
const CONSTANT = -1;
const EMPTY = new Uint32Array(0);
/** A window takes another layout while it has at most this many times the columns of that layout. */
const MAX_UNION_FACTOR = 2;
/** Columns that are allowed in addition. */
const UNION_ALLOWANCE = 64;
/** Unused slots that a window starts with, and the factor when there are too few. */
const SPARE_SLOTS = 4;
const SLOT_GROWTH = 1.25;
/** The number of slots is doubled up to this: nearly every target has that many varying columns. */
const SMALL_SLOTS = 64;

const ABSENT_LOW = Number(ABSENT_BITS & 0xffffffffn);
const ABSENT_HIGH = Number(ABSENT_BITS >> 32n);

/**
 * The rows of one table that no chunk holds yet, readable column by column.
 *
 * A column that has had one value only takes the memory of that value. A column that varies has a slot
 * in each area. Rows may have different layouts: the window has the union of their columns, with
 * ABSENT where a row lacks a series.
 */
export class RowWindow {
  /** How often all rows were removed. Until the next time, rows and numbers of columns stay. */
  clears = 0;
  private rowCount = 0;
  private readonly timestamps = new Float64Array(WINDOW_ROWS);
  /**
   * Number of the series of each column; the array of the layout where both are the same. Like `last`
   * and `slots`, it may be longer than `width`.
   */
  private seriesIds: Uint32Array;
  private width: number;
  private last: Float64Array;
  private lastBits: Uint32Array;
  private slots: Int32Array;
  private slotCount = 0;
  private slotLimit = 0;
  /** Low and high word of each value, with `AREA_ROWS` values per slot. */
  private areas: Uint32Array[] = [];
  /** The area of the row being written. */
  private area: Uint32Array = EMPTY;
  /** Column of the window for each column of `layout`; undefined when they are the same. */
  private columnOf: Int32Array | undefined;
  /** Columns of series that `layout` lacks. */
  private missing: Uint32Array = new Uint32Array(0);

  constructor(
    private layout: InternedLayout,
    private readonly pool: AreaPool,
  ) {
    this.width = layout.seriesIds.length;
    this.seriesIds = layout.seriesIds;
    this.last = new Float64Array(this.width);
    this.lastBits = bitsOf(this.last);
    this.slots = new Int32Array(this.width).fill(CONSTANT);
  }

  get rows(): number {
    return this.rowCount;
  }

  /** The number of columns. It only grows until all rows are removed. */
  get columnCount(): number {
    return this.width;
  }

  get newestLayout(): InternedLayout {
    return this.layout;
  }

  /** The newest layout if it has exactly the columns of the window. */
  get sharedLayout(): InternedLayout | undefined {
    return this.seriesIds === this.layout.seriesIds ? this.layout : undefined;
  }

  /** Number of the series of each column; a view that is valid until the next row. */
  get columns(): Uint32Array {
    return this.seriesIds.subarray(0, this.width);
  }

  /**
   * False for an empty window, which a new one can replace at no cost, and when too many series have
   * come and gone.
   */
  canTake(layout: InternedLayout): boolean {
    if (layout === this.layout) return true;
    const mostColumns = MAX_UNION_FACTOR * layout.seriesIds.length + UNION_ALLOWANCE;
    return this.rowCount > 0 && this.width <= mostColumns;
  }

  /**
   * Adds a row after the last one. The window must not be full. Flat: runs for every sample.
   *
   * @param timestampMs later than the last row
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

  /** The first row at or after `timestampMs`; `rows` when there is none. */
  rowAtOrAfter(timestampMs: number): number {
    let row = 0;
    while (row < this.rowCount && (this.timestamps[row] as number) < timestampMs) row++;
    return row;
  }

  /** A copy of the timestamps of the rows `[from, until)`. */
  copyTimestamps(from: number, until: number): Float64Array {
    return this.timestamps.slice(from, until);
  }

  /** A copy of the values of a column in the rows `[from, until)`. */
  copyColumn(column: number, from: number, until: number): Float64Array {
    const values = new Float64Array(until - from);
    this.readColumn(column, from, values);
    return values;
  }

  /** Fills `values` with the values of a column, from row `from` on. */
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
      // eslint-disable-next-line house/no-type-assertion -- each row has an area; a hot loop (bench storage)
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (slot * AREA_ROWS + (row % AREA_ROWS));
      bits[2 * index] = area[at] as number;
      bits[2 * index + 1] = area[at + 1] as number;
    }
  }

  /** False for a window that has never had a row. */
  get hasNewest(): boolean {
    return this.rowCount > 0 || this.clears > 0;
  }

  /** Copies the values of the row that was added last; it may be sealed already. */
  copyNewest(columns: Uint32Array, values: Float64Array): void {
    const bits = bitsOf(values);
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] as number;
      bits[2 * index] = this.lastBits[2 * column] as number;
      bits[2 * index + 1] = this.lastBits[2 * column + 1] as number;
    }
  }

  /** Copies the values of some columns of a row. */
  copyRow(row: number, columns: Uint32Array, values: Float64Array): void {
    for (let index = 0; index < columns.length; index++)
      this.readColumn(columns[index] as number, row, values.subarray(index, index + 1));
  }

  /** The union of the layouts of all rows. */
  unionLayout(registry: LayoutRegistry): InternedLayout {
    return this.sharedLayout ?? registry.internIds(this.columns.slice());
  }

  /** Removes all rows, and the columns that the newest layout lacks. */
  clear(registry: LayoutRegistry): void {
    this.clears++;
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

  /** Gives a column that was constant so far a slot, filled with that constant. */
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
      // eslint-disable-next-line house/no-type-assertion -- each row has an area; a hot loop (bench storage)
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (slot * AREA_ROWS + (row % AREA_ROWS));
      area[at] = low;
      area[at + 1] = high;
    }
    return slot;
  }

  /** Makes room for that many columns that begin to vary, if they are many. */
  private reserveSlots(count: number): void {
    const needed = this.slotCount + count;
    if (count > SMALL_SLOTS && needed > this.slotLimit) this.moveAreas(needed);
  }

  private addArea(): void {
    this.area = this.pool.take(2 * this.slotLimit * AREA_ROWS);
    this.areas.push(this.area);
  }

  /** Moves all rows to areas with more slots. */
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

  /** Changes the layout for the rows to come. New series become columns, ABSENT in the rows before. */
  private adopt(layout: InternedLayout, registry: LayoutRegistry): void {
    const columnsBefore = this.width;
    const columnOf = new Int32Array(layout.seriesIds.length);
    registry.withScratch((columnOfSeries) => {
      for (let column = 0; column < this.width; column++) {
        columnOfSeries[this.seriesIds[column] as number] = column;
      }
      const before = this.width;
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
      this.width === columnOf.length && columnOf.every((column, index) => column === index);
    this.columnOf = isSame ? undefined : columnOf;
    if (isSame) this.seriesIds = layout.seriesIds;
    // Series that have come or gone vary from now on. Room for each alone would be copied again and again.
    if (this.rowCount > 0) this.reserveSlots(this.width - columnsBefore + this.missing.length);
  }

  private addColumn(seriesId: number): number {
    const column = this.width;
    // `seriesIds` may be the array of a layout, which is as long as that layout.
    if (column >= this.last.length || column >= this.seriesIds.length) this.growColumns();
    this.width++;
    this.seriesIds[column] = seriesId;
    this.slots[column] = CONSTANT;
    this.lastBits[2 * column] = this.rowCount === 0 ? 0 : ABSENT_LOW;
    this.lastBits[2 * column + 1] = this.rowCount === 0 ? 0 : ABSENT_HIGH;
    return column;
  }

  private growColumns(): void {
    const capacity = Math.ceil(this.width * 1.1) + 8;
    const seriesIds = new Uint32Array(capacity);
    seriesIds.set(this.columns);
    this.seriesIds = seriesIds;
    const last = new Float64Array(capacity);
    last.set(this.last.subarray(0, this.width));
    this.last = last;
    this.lastBits = bitsOf(last);
    const slots = new Int32Array(capacity);
    slots.set(this.slots.subarray(0, this.width));
    this.slots = slots;
  }

  private removeMissing(registry: LayoutRegistry): void {
    const isMissing = new Uint8Array(this.width);
    for (const column of this.missing) isMissing[column] = 1;
    this.growColumns();
    let kept = 0;
    for (let column = 0; column < this.width; column++) {
      if (isMissing[column] === 1) continue;
      this.seriesIds[kept] = this.seriesIds[column] as number;
      this.slots[kept] = this.slots[column] as number;
      this.lastBits[2 * kept] = this.lastBits[2 * column] as number;
      this.lastBits[2 * kept + 1] = this.lastBits[2 * column + 1] as number;
      kept++;
    }
    this.width = kept;
    this.adopt(this.layout, registry);
  }

  /** Releases all areas. Columns that have varied keep a slot. */
  private keepSlots(): void {
    let kept = 0;
    for (let column = 0; column < this.width; column++) {
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
      // eslint-disable-next-line house/no-type-assertion -- each row has an area; a hot loop (bench storage)
      const area = this.areas[(row / AREA_ROWS) | 0] as Uint32Array;
      const at = 2 * (start + (row % AREA_ROWS));
      if (area[at] !== low || area[at + 1] !== high) return true;
    }
    return false;
  }
}
