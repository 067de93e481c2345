import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { withTargetLabels } from "../selection/target-labels.js";
import { CachedColumn } from "./cached-column.js";
import type { AssembledRows } from "./row-assembly.js";
import { type CachedRows, TableColumns } from "./table-columns.js";

/** Share of a full cache that an eviction keeps, so that evictions, which sort all columns, are rare. */
const KEPT_SHARE = 7 / 8;

/** While it stays the same, rows read before are still the rows of the table. */
export interface TableVersion {
  /** Grows when blocks of the table were replaced or deleted. */
  readonly blocks: number;
  /** Another object when the table in the head was reset; undefined when the head has none. */
  readonly head: object | undefined;
}

/** The columns of a table that a query wants. The range ends before the rows still to come. */
export interface WantedColumns {
  readonly target: Labels;
  /** Without target labels. */
  readonly labels: readonly Labels[];
  readonly range: TimeRange;
  /** A read that is needed anyway goes on to this time, for the next query. */
  readonly aheadUntilMs: number;
}

/** The wanted columns, compared with the cached ones. */
export interface CachePlan extends WantedColumns {
  readonly table: CachedTable;
  readonly known: readonly (CachedColumn | undefined)[];
  /** The part of the range that must be read; empty when everything is cached. */
  readonly missing: TimeRange;
}

interface CachedTable {
  readonly version: TableVersion;
  readonly columns: TableColumns;
  /** False once a newer version has replaced it. */
  isHeld: boolean;
}

/**
 * Decoded columns for queries that are repeated, as dashboards and rules do. It holds only rows that
 * cannot change: rows of the main stream, up to the newest that a query has seen.
 */
export class ColumnCache {
  /** Columns found, at least in part. */
  hits = 0;
  /** Columns not found. */
  misses = 0;
  private readonly tables = new Map<string, CachedTable>();
  private totalBytes = 0;
  private queries = 0;

  constructor(readonly maxBytes: number) {}

  get sizeBytes(): number {
    return this.totalBytes;
  }

  /** Call this once per query, before its plans. */
  beginQuery(): void {
    this.queries++;
  }

  plan(name: string, version: TableVersion, wanted: WantedColumns): CachePlan {
    const { target, labels, range, aheadUntilMs } = wanted;
    const table = this.tableOf(name, version);
    const known = labels.map(({ key }) => table.columns.column(key));
    let fromMs = range.untilMs;
    for (const column of known) {
      if (column === undefined) this.misses++;
      else {
        this.hits++;
        column.usedAt = this.queries;
        column.askedFromMs = Math.min(column.askedFromMs, range.fromMs);
      }
      fromMs = Math.min(fromMs, isUsable(column, range) ? column.untilMs : range.fromMs);
    }
    const untilMs = fromMs < range.untilMs ? Math.max(range.untilMs, aheadUntilMs) : range.untilMs;
    const missing = { fromMs, untilMs };
    return { target, labels, range, aheadUntilMs, table, known, missing };
  }

  /**
   * Adds the missing rows and returns the rows of the range.
   *
   * @param read all rows of the missing part, undefined when nothing was missing
   * @returns undefined when too much has changed meanwhile: then everything must be read
   */
  complete(plan: CachePlan, read: AssembledRows | undefined): CachedRows | undefined {
    const { columns } = plan.table;
    const before = columns.sizeBytes;
    const found = this.update(plan, read);
    if (found === undefined) columns.clear();
    if (plan.table.isHeld) this.totalBytes += columns.sizeBytes - before;
    if (this.totalBytes > this.maxBytes) this.evict();
    return found;
  }

  private update(
    { table, labels, target, known, missing, range }: CachePlan,
    read: AssembledRows | undefined,
  ): CachedRows | undefined {
    const { columns } = table;
    if (read === undefined)
      return columns.rows(
        known.filter((column) => column !== undefined),
        range,
      );
    if (!columns.addTimes(read.timestamps, missing)) return undefined;
    const all = labels.map((own, index) => {
      const values = itemAt(read.columns, index);
      const column = known[index];
      if (column !== undefined && reaches(missing, column)) {
        columns.extendColumn(own.key, column, { timestamps: read.timestamps, values }, missing);
        return column;
      }
      const full = column?.labels ?? withTargetLabels(own, target);
      const added = new CachedColumn(full, missing.fromMs, missing.untilMs, values);
      added.usedAt = this.queries;
      columns.setColumn(own.key, added);
      return added;
    });
    return columns.rows(all, range);
  }

  private tableOf(name: string, version: TableVersion): CachedTable {
    const known = this.tables.get(name);
    if (known !== undefined) {
      if (known.version.blocks === version.blocks && known.version.head === version.head)
        return known;
      this.forget(name, known);
    }
    const table: CachedTable = { version, columns: new TableColumns(), isHeld: true };
    this.tables.set(name, table);
    return table;
  }

  private forget(name: string, table: CachedTable): void {
    table.isHeld = false;
    this.tables.delete(name);
    this.totalBytes -= table.columns.sizeBytes;
  }

  /** Removes the least recently used columns. */
  private evict(): void {
    const all: { table: CachedTable; key: string; usedAt: number }[] = [];
    for (const table of this.tables.values())
      for (const [key, { usedAt }] of table.columns.columns) all.push({ table, key, usedAt });
    all.sort((left, right) => left.usedAt - right.usedAt);
    for (const { table, key } of all) {
      if (this.totalBytes <= this.maxBytes * KEPT_SHARE) break;
      const before = table.columns.sizeBytes;
      table.columns.remove(key);
      this.totalBytes += table.columns.sizeBytes - before;
    }
    for (const [name, table] of this.tables)
      if (table.columns.count === 0) this.forget(name, table);
  }
}

const reaches = (range: TimeRange, { fromMs, untilMs }: CachedColumn): boolean =>
  range.fromMs <= untilMs && range.untilMs >= fromMs;

/** A column that begins too late or ends before the range must be read again. */
function isUsable(column: CachedColumn | undefined, { fromMs }: TimeRange): column is CachedColumn {
  return column !== undefined && column.fromMs <= fromMs && column.untilMs >= fromMs;
}
