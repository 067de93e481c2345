import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, compareStrings } from "../../../exporter/shared/model/labels.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { sortPaced } from "../../base/paced-sort.js";
import { stringValueOf, type Call } from "../language/ast.js";
import { keepRows, type VectorBlock } from "../evaluation/vector-block.js";

/**
 * `sort` and related functions. They only affect instant queries; results of range queries are
 * ordered by labels.
 */
export async function sortBlock(
  call: Call,
  block: VectorBlock,
  { annotations, pacer }: Pick<Evaluation, "annotations" | "pacer">,
): Promise<VectorBlock> {
  if (block.steps !== 1) {
    annotations.ineffectiveSort(call.range);
    return block;
  }
  const rows: number[] = [];
  for (let row = 0; row < block.labels.length; row++) if (block.present[row] === 1) rows.push(row);
  const { name } = call.signature;
  if (name === "sort" || name === "sort_desc") {
    const sign = name === "sort" ? 1 : -1;
    const compare = (left: number, right: number): number =>
      compareValues(block, left, right, sign);
    return keepRows(block, await sortPaced(rows, compare, pacer), pacer);
  }
  const names = call.arguments.slice(1).map(stringValueOf);
  const sign = name === "sort_by_label" ? 1 : -1;
  const compare = (left: number, right: number): number =>
    sign * compareLabels(block, left, right, names);
  return keepRows(block, await sortPaced(rows, compare, pacer), pacer);
}

/** NaN comes last in both directions. */
function compareValues({ values }: VectorBlock, left: number, right: number, sign: number): number {
  const leftValue = values[left] as number;
  const rightValue = values[right] as number;
  if (Number.isNaN(leftValue) || Number.isNaN(rightValue)) {
    return Number(Number.isNaN(leftValue)) - Number(Number.isNaN(rightValue));
  }
  return leftValue === rightValue ? 0 : sign * (leftValue < rightValue ? -1 : 1);
}

function compareLabels(
  { labels }: VectorBlock,
  left: number,
  right: number,
  names: readonly string[],
): number {
  const leftLabels = itemAt(labels, left);
  const rightLabels = itemAt(labels, right);
  for (const name of names) {
    const order = compareNaturally(leftLabels.get(name), rightLabels.get(name));
    if (order !== 0) return order;
  }
  return Labels.compare(leftLabels, rightLabels);
}

/** Compares sequences of digits as numbers: `cpu2` comes before `cpu10`. */
export function compareNaturally(left: string, right: string): number {
  const leftParts = left.match(/\d+|\D+/g) ?? [];
  const rightParts = right.match(/\d+|\D+/g) ?? [];
  for (const [index, leftPart] of leftParts.entries()) {
    const rightPart = rightParts[index];
    if (rightPart === undefined) break;
    if (leftPart === rightPart) continue;
    if (!/^\d/.test(leftPart) || !/^\d/.test(rightPart)) return compareStrings(leftPart, rightPart);
    const difference = BigInt(leftPart) - BigInt(rightPart);
    if (difference !== 0n) return difference < 0n ? -1 : 1;
    return rightPart.length - leftPart.length;
  }
  return leftParts.length - rightParts.length;
}
