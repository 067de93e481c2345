import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isDense, mergePieces } from "../model/piece.js";
import type { SelectedSeries, SelectedTable } from "../model/querier.js";

export interface TableOfTarget {
  readonly target: Labels;
  /** Label sets of its series without target labels; may hold more than the answer has. */
  readonly own: readonly Labels[];
  readonly table: SelectedTable;
  /** True for a table whose series are other ones than in the table before it, which has the same target. */
  readonly isContinued?: boolean;
}

/** Makes every label set occur once. Of two samples at one instant, the earlier table's one stays. */
export function mergeDuplicateSeries(tables: readonly TableOfTarget[]): SelectedTable[] {
  const filled = tables.filter(
    ({ table }) => table.series.length > 0 && table.timestamps.length > 0,
  );
  return areSurelyUnique(filled) ? filled.map(({ table }) => table) : mergeByKey(filled);
}

/**
 * Label sets of different tables differ when the target labels differ and no series overrides one of
 * them. That is cheap to check, and nearly always true.
 */
function areSurelyUnique(tables: readonly TableOfTarget[]): boolean {
  const [first] = tables;
  const separate = tables.filter(({ isContinued }) => isContinued !== true);
  if (first === undefined || separate.length === 1) return true;
  if (new Set(separate.map(({ target }) => target.key)).size < separate.length) return false;
  const names = first.target.pairs.map(([name]) => name);
  const hasOwnNames = (own: readonly Labels[]): boolean =>
    own.every((labels) => names.every((name) => !labels.has(name)));
  // Equal hosts share one list of series.
  const checked = new Set<readonly Labels[]>();
  return tables.every(({ target, own }) => {
    if (target.pairs.length !== names.length) return false;
    if (!target.pairs.every(([name], index) => name === names[index])) return false;
    if (checked.has(own)) return true;
    checked.add(own);
    return hasOwnNames(own);
  });
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
