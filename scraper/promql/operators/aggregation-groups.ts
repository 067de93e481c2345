import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, METRIC_NAME, compareStrings } from "../../../exporter/shared/model/labels.js";
import { WORK_PER_KEY, keyOf, pairsWith, pairsWithout } from "../evaluation/label-keys.js";
import type { Pacer } from "../evaluation/pacer.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

const WORK_PER_GROUPED_ROW = 4;

/** The rows of a block that are aggregated together. */
export interface RowGroups {
  readonly groupOfRow: Int32Array;
  /** The labels of each group, ordered by the first row of the group. */
  readonly labels: readonly Labels[];
  readonly nameDropped?: Uint8Array | undefined;
}

export interface Grouping {
  readonly grouping: readonly string[];
  readonly without: boolean;
}

/** Puts rows with the same grouping labels into one group. */
export async function groupRows(
  block: VectorBlock,
  { grouping, without }: Grouping,
  pacer: Pacer,
): Promise<RowGroups> {
  const groupOfRow = new Int32Array(block.labels.length);
  if (grouping.length === 0 && !without)
    return { groupOfRow, labels: block.labels.length === 0 ? [] : [Labels.EMPTY] };
  const names = [...new Set(grouping)].sort(compareStrings);
  const pairsOf = without ? pairsWithout([...names, METRIC_NAME]) : pairsWith(names);
  const groups = new Map<string, number>();
  const labels: Labels[] = [];
  for (const [row, rowLabels] of block.labels.entries()) {
    const pairs = pairsOf(rowLabels.pairs);
    const key = keyOf(pairs);
    let group = groups.get(key);
    if (group === undefined) {
      group = labels.length;
      groups.set(key, group);
      labels.push(Labels.ofSorted(pairs));
    }
    groupOfRow[row] = group;
    if (pacer.isDue(WORK_PER_KEY)) await pacer.pause();
  }
  const nameDropped = await droppedGroups(block, groupOfRow, labels.length, pacer);
  return { groupOfRow, labels, nameDropped };
}

async function droppedGroups(
  { nameDropped }: VectorBlock,
  groupOfRow: Int32Array,
  count: number,
  pacer: Pacer,
): Promise<Uint8Array | undefined> {
  if (nameDropped === undefined) return undefined;
  const dropped = new Uint8Array(count);
  for (const [row, group] of groupOfRow.entries()) {
    if (nameDropped[row] === 1) dropped[group] = 1;
    if (pacer.isDue(1)) await pacer.pause();
  }
  return dropped;
}

/** The rows of each group, in ascending order. */
export async function rowsByGroup(
  { groupOfRow, labels }: RowGroups,
  pacer: Pacer,
): Promise<number[][]> {
  const rows: number[][] = labels.map(() => []);
  for (const [row, group] of groupOfRow.entries()) {
    itemAt(rows, group).push(row);
    if (pacer.isDue(WORK_PER_GROUPED_ROW)) await pacer.pause();
  }
  return rows;
}
