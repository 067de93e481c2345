import {
  Labels,
  METRIC_NAME,
  compareStrings,
  type LabelPair,
} from "../../../exporter/shared/model/labels.js";
import type { Pacer } from "./pacer.js";
import type { VectorBlock } from "./vector-block.js";

/** Which rows of a block are aggregated together. */
export interface RowGroups {
  readonly groupOfRow: Int32Array;
  /** Of the groups, in the order in which their first rows stand. */
  readonly labels: readonly Labels[];
  readonly nameDropped?: Uint8Array | undefined;
}

export interface Grouping {
  readonly grouping: readonly string[];
  readonly without: boolean;
}

/** What making a key of labels costs, in values looked at. */
const WORK_PER_KEY = 64;

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
  return { groupOfRow, labels, nameDropped: droppedGroups(block, groupOfRow, labels.length) };
}

type PairsOf = (pairs: readonly LabelPair[]) => LabelPair[];

/** Both lists being sorted, one pass finds the common names. */
export function pairsWith(sortedNames: readonly string[]): PairsOf {
  return (pairs) => {
    const kept: LabelPair[] = [];
    let index = 0;
    for (const name of sortedNames) {
      while (index < pairs.length && (pairs[index] as LabelPair)[0] < name) index++;
      if (index < pairs.length && (pairs[index] as LabelPair)[0] === name)
        kept.push(pairs[index] as LabelPair);
    }
    return kept;
  };
}

export function pairsWithout(names: readonly string[]): PairsOf {
  const excluded = new Set(names);
  return (pairs) => pairs.filter(([name]) => !excluded.has(name));
}

/** As `Labels.key`, without making a label set first. */
export function keyOf(pairs: readonly LabelPair[]): string {
  let key = "";
  for (const [name, value] of pairs) key += `${name}\u{fffe}${value}\u{ffff}`;
  return key;
}

function droppedGroups(
  { nameDropped }: VectorBlock,
  groupOfRow: Int32Array,
  count: number,
): Uint8Array | undefined {
  if (nameDropped === undefined) return undefined;
  const dropped = new Uint8Array(count);
  for (const [row, group] of groupOfRow.entries()) if (nameDropped[row] === 1) dropped[group] = 1;
  return dropped;
}

/** The rows of every group, in ascending order. */
export function rowsByGroup({ groupOfRow, labels }: RowGroups): number[][] {
  const rows: number[][] = labels.map(() => []);
  for (const [row, group] of groupOfRow.entries()) (rows[group] as number[]).push(row);
  return rows;
}
