import type { Labels } from "../../exporter/shared/model/labels.js";
import { isDense, mergePieces } from "./piece.js";
import type { SelectedSeries, SelectedTable } from "./querier.js";

interface TableOfTarget {
  readonly target: Labels;
  readonly table: SelectedTable;
}

/**
 * Makes every label set occur once: of two samples at one instant, that of the earlier table stays.
 */
export function mergeDuplicateSeries(tables: readonly TableOfTarget[]): SelectedTable[] {
  const filled = tables.filter(
    ({ table }) => table.series.length > 0 && table.timestamps.length > 0,
  );
  return areSurelyUnique(filled) ? filled.map(({ table }) => table) : mergeByKey(filled);
}

/**
 * Label sets of different tables differ when their target labels do and no series has a label of
 * its own that some target has too. Cheap to see, and nearly always so.
 */
function areSurelyUnique(tables: readonly TableOfTarget[]): boolean {
  if (tables.length < 2) return true;
  const targetKeys = new Set(tables.map(({ target }) => target.key));
  if (targetKeys.size < tables.length) return false;
  const pairCounts = new Set(tables.map(({ target }) => target.pairs.map(([name]) => name).join()));
  // With the same names on every target, a label of the target that shows in all its series was not
  // overridden.
  return (
    pairCounts.size === 1 &&
    tables.every(({ target, table }) => table.series.every(({ labels }) => has(labels, target)))
  );
}

function has(labels: Labels, target: Labels): boolean {
  return target.pairs.every(([name, value]) => labels.get(name) === value);
}

function mergeByKey(tables: readonly TableOfTarget[]): SelectedTable[] {
  const byKey = new Map<string, { table: SelectedTable; series: SelectedSeries }[]>();
  for (const { table } of tables) {
    for (const series of table.series) {
      const same = byKey.get(series.labels.key);
      if (same === undefined) byKey.set(series.labels.key, [{ table, series }]);
      else same.push({ table, series });
    }
  }
  const isDuplicate = (series: SelectedSeries): boolean =>
    (byKey.get(series.labels.key) ?? []).length > 1;
  const unique = tables.map(({ table }) => ({
    timestamps: table.timestamps,
    series: table.series.filter((series) => !isDuplicate(series)),
  }));
  const merged = [...byKey.values()].filter((same) => same.length > 1).map(mergeSame);
  return [...unique, ...merged].filter(({ series }) => series.length > 0);
}

function mergeSame(
  same: readonly { table: SelectedTable; series: SelectedSeries }[],
): SelectedTable {
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
