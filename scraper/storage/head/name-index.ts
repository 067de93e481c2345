import { hashText } from "../../../exporter/shared/model/hash.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";

/** A table as the index sees it. */
export interface NamedTable {
  readonly id: number;
  /** Layouts of its rows, without those of windows that have the columns of several. */
  layouts(): Iterable<InternedLayout>;
  /** Numbers of the series in windows that have the columns of several layouts. */
  looseSeries(): readonly Uint32Array[];
}

/** A longer list of names is kept as hashes, which take 4 bytes each. */
const MAX_LISTED_NAMES = 4096;
/** Most names of all lists together, at some 100 bytes each. */
const MAX_NAMES = 200_000;
/** Most hashes of all lists together. Beyond that, every query searches the tables of further lists. */
const MAX_HASHES = 2_000_000;

/** The metric names of a list of series, and the tables that have them. Equal hosts share one. */
interface NameSet<Table> {
  readonly names: readonly string[];
  readonly tables: Set<Table>;
}

/** Very many names, as ascending hashes. */
interface HashedNames<Table> {
  readonly hashes: Uint32Array;
  readonly tables: Set<Table>;
}

type Tables<Table> = Pick<NameSet<Table>, "tables">;

/**
 * Finds the tables of the head that may have a metric name.
 *
 * Tables come in whenever they take a layout; the names of a layout are looked at once. They leave at
 * the sweep of the registry, so that a table may be found for a name that it has lost. Hosts with
 * equal names cost one list of names, whatever their labels are.
 */
export class NameIndex<Table extends NamedTable> {
  private byName = new Map<string, NameSet<Table> | Set<NameSet<Table>>>();
  private byNames = new Map<string, NameSet<Table>>();
  private ofLayout = new WeakMap<object, Tables<Table>>();
  private hashed: HashedNames<Table>[] = [];
  private nameCount = 0;
  private hashCount = 0;
  /** Tables with too many names for the index. */
  private others = new Set<Table>();
  /** Layouts whose names were looked at, for tests. */
  layoutsRead = 0;

  /** Notes that the table has the series of the layout. */
  note(table: Table, layout: InternedLayout): void {
    let names = this.ofLayout.get(layout);
    if (names === undefined) {
      names = this.setOf(namesOf(layout.series));
      this.ofLayout.set(layout, names);
      this.layoutsRead++;
    }
    names.tables.add(table);
  }

  /** The tables that may have series of this name, in the order in which they were made. */
  tablesWith(name: string): readonly Table[] {
    const found = new Set(this.others);
    const sets = this.byName.get(name);
    if (sets instanceof Set) {
      for (const { tables } of sets) for (const table of tables) found.add(table);
    } else for (const table of sets?.tables ?? []) found.add(table);
    if (this.hashed.length > 0) this.addHashed(name, found);
    return found.size < 2 ? [...found] : [...found].sort((left, right) => left.id - right.id);
  }

  /** Forgets what no table has any more. */
  rebuild(tables: Iterable<Table>, registry: LayoutRegistry): void {
    this.byName = new Map();
    this.byNames = new Map();
    this.ofLayout = new WeakMap();
    this.hashed = [];
    this.nameCount = this.hashCount = 0;
    this.others = new Set();
    for (const table of tables) {
      let noted: InternedLayout | undefined;
      for (const layout of table.layouts()) {
        if (layout !== noted) this.note(table, layout);
        noted = layout;
      }
      for (const ids of table.looseSeries()) {
        const labels = Array.from(ids, (id) => registry.labels(id));
        this.setOf(namesOf(labels)).tables.add(table);
      }
    }
  }

  private addHashed(name: string, found: Set<Table>): void {
    const hash = hashText(name);
    for (const { hashes, tables } of this.hashed) {
      if (!isAmong(hashes, hash)) continue;
      for (const table of tables) found.add(table);
    }
  }

  private setOf(names: ReadonlySet<string>): Tables<Table> {
    if (names.size > MAX_LISTED_NAMES) return this.hashedSetOf(names);
    const sorted = [...names].sort();
    const key = sorted.join("\u{ffff}");
    const known = this.byNames.get(key);
    if (known !== undefined) return known;
    if (this.nameCount + names.size > MAX_NAMES) return this.hashedSetOf(names);
    const set: NameSet<Table> = { names: sorted, tables: new Set() };
    this.byNames.set(key, set);
    this.nameCount += sorted.length;
    for (const name of sorted) {
      const before = this.byName.get(name);
      if (before === undefined) this.byName.set(name, set);
      else if (before instanceof Set) before.add(set);
      else this.byName.set(name, new Set([before, set]));
    }
    return set;
  }

  private hashedSetOf(names: ReadonlySet<string>): Tables<Table> {
    if (this.hashCount + names.size > MAX_HASHES) return { tables: this.others };
    const hashes = Uint32Array.from(names, hashText).sort();
    const set = { hashes, tables: new Set<Table>() };
    this.hashed.push(set);
    this.hashCount += names.size;
    return set;
  }
}

function namesOf(series: readonly Labels[]): ReadonlySet<string> {
  const names = new Set<string>();
  let before = "";
  for (const labels of series) {
    const { name } = labels;
    if (name !== before) names.add(name);
    before = name;
  }
  return names;
}

/** @param hashes ascending */
function isAmong(hashes: Uint32Array, hash: number): boolean {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((hashes[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return hashes[low] === hash;
}
