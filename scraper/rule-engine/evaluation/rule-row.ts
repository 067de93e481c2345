import { sha256Hex } from "../../../exporter/shared/model/hash.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, setStaleAt } from "../../../exporter/shared/model/special-values.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Layout, SampleWriter, TableWriter } from "../../storage/model/sample-writer.js";
import type { RuleSample } from "./alerting-rule-state.js";

/** Folder with the results of rules, beside the folders of the hosts. */
const RULES_FOLDER = "rules";

/**
 * Opens the table with the results of a group. Each group has its own: a row costs by the series of
 * its group. Earlier versions had one table for all, which queries still read.
 *
 * @param groupKey from `groupKeyOf`
 */
export function openGroupTable(
  writer: Pick<SampleWriter, "openTable">,
  groupKey: string,
): TableWriter {
  const folder = `${RULES_FOLDER}/${sha256Hex(groupKey).slice(0, 16)}`;
  return writer.openTable({ folder, labels: Labels.EMPTY });
}

/** From this number of series on, the table is prepared for the row. */
const LARGE_ROW = 1000;

/**
 * Remembers the rows of the last evaluation of a group. A row with the same label sets in the same
 * order, by identity, has the same layout and no duplicates, so nothing is looked up.
 */
export class RowMemory {
  private rows: RememberedRow[] = [];

  /** @param index of the row within an evaluation */
  at(index: number): RememberedRow | undefined {
    return this.rows[index];
  }

  remember(index: number, row: RememberedRow): void {
    this.rows = [...this.rows.slice(0, index), row, ...this.rows.slice(index + 1)];
  }
}

interface RememberedRow {
  readonly series: readonly Labels[];
  readonly layout: Layout;
}

const NO_SERIES: readonly Labels[] = [];

/**
 * Collects the results of the rules of a group at one time, which are written as one row.
 *
 * If a rule reads the result of an earlier rule of its group, `flush` has to run before it, and the
 * remaining results form another row.
 */
export class RuleRow {
  private series: Labels[] = [];
  private values: number[] = [];
  /** Columns that get a staleness marker. */
  private readonly ended = new Set<number>();
  /** Column by the key of its label set. Undefined while the row equals the one remembered. */
  private columnOf: Map<string, number> | undefined;
  /** Metric names of the series: rules share few. */
  private readonly names = new Set<string>();
  private index = 0;
  private before: readonly Labels[];

  constructor(
    private readonly writer: SampleWriter,
    private readonly table: TableWriter,
    private readonly timeMs: number,
    private readonly memory = new RowMemory(),
  ) {
    this.before = memory.at(0)?.series ?? NO_SERIES;
  }

  /** @returns 1 when the sample was dropped because an earlier rule of the row has the same series */
  add({ labels, value }: RuleSample): 0 | 1 {
    const { series } = this;
    if (this.columnOf === undefined && this.before[series.length] === labels) {
      this.push(labels, value);
      return 0;
    }
    const column = this.columns().get(labels.key);
    if (column === undefined) {
      this.columns().set(labels.key, series.length);
      this.push(labels, value);
      return 0;
    }
    if (!this.ended.delete(column)) return 1;
    this.values[column] = value;
    return 0;
  }

  /** Ends a series, unless a rule of the row has it. */
  end(labels: Labels): void {
    const columns = this.columns();
    if (columns.has(labels.key)) return;
    columns.set(labels.key, this.series.length);
    this.ended.add(this.series.length);
    this.push(labels, 0);
  }

  /**
   * True when `flush` has to run before the rule is evaluated. In doubt it returns true, which
   * costs an additional row.
   */
  isReadBy(expression: string): boolean {
    if (this.names.size === 0) return false;
    if (expression.includes("__name__")) return true;
    for (const name of this.names) if (expression.includes(name)) return true;
    return false;
  }

  /** Writes the row, a large one in slices. */
  async flush(slices: TimeSlices): Promise<void> {
    if (this.series.length === 0) return;
    const { writer, table, series } = this;
    const release = writer.holdLayouts();
    try {
      const values = this.takeValues();
      const layout = this.rememberedLayout() ?? (await writer.internLayoutInSlices(series, slices));
      if (series.length >= LARGE_ROW) await table.prepare(layout, slices);
      table.append(this.timeMs, layout, values);
      this.memory.remember(this.index, { series, layout });
    } finally {
      release();
      this.startNext();
    }
  }

  private rememberedLayout(): Layout | undefined {
    const isSame = this.columnOf === undefined && this.series.length === this.before.length;
    return isSame ? this.memory.at(this.index)?.layout : undefined;
  }

  private takeValues(): Float64Array {
    const values = Float64Array.from(this.values);
    const bits = bitsOf(values);
    for (const column of this.ended) setStaleAt(bits, column);
    return values;
  }

  private startNext(): void {
    this.series = [];
    this.values = [];
    this.ended.clear();
    this.columnOf = undefined;
    this.names.clear();
    this.before = this.memory.at(++this.index)?.series ?? NO_SERIES;
  }

  private columns(): Map<string, number> {
    if (this.columnOf === undefined) {
      this.columnOf = new Map<string, number>();
      for (const [column, { key }] of this.series.entries()) this.columnOf.set(key, column);
    }
    return this.columnOf;
  }

  private push(labels: Labels, value: number): void {
    this.series.push(labels);
    this.values.push(value);
    this.names.add(labels.name);
  }
}
