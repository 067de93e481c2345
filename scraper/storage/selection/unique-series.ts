import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isDense, mergePieces } from "../model/piece.js";
import type { Pace, SelectedSeries, SelectedTable } from "../model/querier.js";

export interface TableOfTarget {
  readonly target: Labels;
  /** Label sets of its series without target labels; may hold more than the answer has. */
  readonly own: readonly Labels[];
  readonly table: SelectedTable;
  /**
   * Tables with the same object here are parts of one table and have different series, although their
   * target is the same.
   */
  readonly source?: object;
}

/** The work of looking at one label set, in values for the pace. */
const WORK_PER_LABEL_SET = 16;

/** Makes every label set occur once. Of two samples at one instant, the earlier table's one stays. */
export async function mergeDuplicateSeries(
  tables: readonly TableOfTarget[],
  pace: Pace,
): Promise<SelectedTable[]> {
  const filled = tables.filter(
    ({ table }) => table.series.length > 0 && table.timestamps.length > 0,
  );
  return (await areSurelyUnique(filled, pace))
    ? filled.map(({ table }) => table)
    : mergeByKey(filled, pace);
}

/**
 * Label sets of different tables differ when the target labels differ and no series overrides one of
 * them. That is cheap to check, and nearly always true. The tables of rule groups have no target
 * labels: their series are compared.
 */
export async function areSurelyUnique(
  tables: readonly Omit<TableOfTarget, "table">[],
  pace: Pace,
): Promise<boolean> {
  const [first] = tables;
  const bySource = new Map<object, Omit<TableOfTarget, "table">>();
  for (const table of tables) bySource.set(table.source ?? table, table);
  const separate = [...bySource.values()];
  if (first === undefined || separate.length === 1) return true;
  if (!(await haveDistinctSeries(separate, tables, pace))) return false;
  const names = first.target.pairs.map(([name]) => name);
  // Equal hosts share one list of series.
  const checked = new Set<readonly Labels[]>();
  for (const { target, own } of tables) {
    if (target.pairs.length !== names.length) return false;
    if (!target.pairs.every(([name], index) => name === names[index])) return false;
    if (checked.has(own)) continue;
    checked.add(own);
    for (const labels of own) {
      if (names.some((name) => labels.has(name))) return false;
      if (pace.isDue(WORK_PER_LABEL_SET)) await pace.pause();
    }
  }
  return true;
}

/** True when the tables with equal target labels have different series. */
async function haveDistinctSeries(
  separate: readonly Omit<TableOfTarget, "table">[],
  tables: readonly Omit<TableOfTarget, "table">[],
  pace: Pace,
): Promise<boolean> {
  if (new Set(separate.map(({ target }) => target.key)).size === separate.length) return true;
  if (tables.length > separate.length) return false;
  const seen = new Set<string>();
  for (const { target, own } of separate) {
    for (const { key } of own) {
      const whole = `${target.key}\u{ffff}${key}`;
      if (seen.has(whole)) return false;
      seen.add(whole);
      if (pace.isDue(WORK_PER_LABEL_SET)) await pace.pause();
    }
  }
  return true;
}

interface PlacedSeries {
  readonly table: SelectedTable;
  readonly series: SelectedSeries;
}

async function mergeByKey(tables: readonly TableOfTarget[], pace: Pace): Promise<SelectedTable[]> {
  const byKey = new Map<string, PlacedSeries[]>();
  for (const { table } of tables) {
    for (const series of table.series) {
      const same = byKey.get(series.labels.key);
      if (same === undefined) byKey.set(series.labels.key, [{ table, series }]);
      else same.push({ table, series });
      if (pace.isDue(4 * WORK_PER_LABEL_SET)) await pace.pause();
    }
  }
  const merged: SelectedTable[] = [];
  for (const { table } of tables) {
    const unique: SelectedSeries[] = [];
    for (const series of table.series) {
      const isDuplicate = (byKey.get(series.labels.key) ?? []).length > 1;
      if (!isDuplicate) unique.push(series);
      if (pace.isDue(WORK_PER_LABEL_SET)) await pace.pause();
    }
    if (unique.length > 0) merged.push({ timestamps: table.timestamps, series: unique });
  }
  for (const same of byKey.values()) {
    if (same.length > 1) merged.push(mergeSame(same));
    if (pace.isDue(WORK_PER_LABEL_SET * same.length)) await pace.pause();
  }
  return merged;
}

function mergeSame(same: readonly PlacedSeries[]): SelectedTable {
  const { timestamps, series } = mergePieces(
    same.map(({ table, series: { labels, values } }) => ({
      labels: [labels],
      rows: { timestamps: table.timestamps, columns: [values] },
    })),
  );
  return {
    timestamps,
    series: series.map(({ labels, values }) => ({ labels, values, dense: isDense(values) })),
  };
}
