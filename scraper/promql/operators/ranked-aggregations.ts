import { formatShortestFloat } from "../../../exporter/shared/model/float-format.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { hashText } from "../../../exporter/shared/model/hash.js";
import { rowsByGroup, type RowGroups } from "./aggregation-groups.js";
import { QueryExecutionError } from "../language/query-errors.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { WORK_PER_KEY } from "../evaluation/label-keys.js";
import { sortPaced } from "../../base/paced-sort.js";
import type { Pacer } from "../evaluation/pacer.js";
import { quantilePaced } from "../evaluation/quantile.js";
import { keepRows, type VectorBlock } from "../evaluation/vector-block.js";

/**
 * `topk` and `bottomk`: the samples with the highest or lowest values of each group and step. NaN
 * ranks last.
 */
export async function aggregateRanked(
  operator: "topk" | "bottomk",
  limits: Float64Array,
  block: VectorBlock,
  groups: RowGroups,
  { pacer, budget }: Pick<Evaluation, "pacer" | "budget">,
): Promise<VectorBlock> {
  checkLimits(limits);
  const { steps, values } = block;
  budget.take(block.values.length);
  const present = new Uint8Array(block.present.length);
  const order = new Set<number>();
  for (const rows of await rowsByGroup(groups, pacer)) {
    const ranking = new Ranking(block, limits, operator === "topk" ? 1 : -1);
    for (const row of rows) {
      for (let step = 0; step < steps; step++) {
        if (block.present[row * steps + step] === 1)
          ranking.offer(step, row, values[row * steps + step] as number);
      }
      if (pacer.isDue(steps * WORK_PER_OFFER)) await pacer.pause();
    }
    for (let step = 0; step < steps; step++) {
      for (const row of await ranking.best(step, pacer)) {
        present[row * steps + step] = 1;
        order.add(row);
        if (pacer.isDue(WORK_PER_OFFER)) await pacer.pause();
      }
    }
  }
  return keepRows({ ...block, present }, [...order], pacer);
}

/** The work of ranking a sample, in values for the pacer. */
const WORK_PER_OFFER = 8;

/**
 * The best rows of one group at every step. Rows are offered one by one, each with all its steps.
 * Each step has a heap with its worst row first, so that a row costs the logarithm of the limit.
 */
class Ranking {
  private readonly heaps: number[][];

  constructor(
    private readonly block: VectorBlock,
    private readonly limits: Float64Array,
    private readonly sign: 1 | -1,
  ) {
    this.heaps = Array.from(limits, () => []);
  }

  offer(step: number, row: number, value: number): void {
    const heap = this.heaps[step];
    const limit = Math.trunc(this.limits[step] as number);
    if (heap === undefined || limit < 1) return;
    if (heap.length < limit) {
      heap.push(row);
      this.moveUp(heap, step);
    } else if (this.isBetter(value, this.valueOf(itemAt(heap, 0), step))) {
      heap[0] = row;
      this.moveDown(heap, step);
    }
  }

  /** Best first; of equal rows, the one offered first. */
  best(step: number, pacer: Pacer): Promise<number[]> {
    return sortPaced(
      itemAt(this.heaps, step),
      (left, right) => this.compare(left, right, step),
      pacer,
    );
  }

  private moveUp(heap: number[], step: number): void {
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compare(itemAt(heap, parent), itemAt(heap, at), step) >= 0) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  private moveDown(heap: number[], step: number): void {
    for (let at = 0; ;) {
      let worst = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++)
        if (this.compare(itemAt(heap, child), itemAt(heap, worst), step) > 0) worst = child;
      if (worst === at) return;
      swap(heap, at, worst);
      at = worst;
    }
  }

  private valueOf(row: number, step: number): number {
    return this.block.values[row * this.block.steps + step] as number;
  }

  /** Negative when the left row ranks before the right one. */
  private compare(left: number, right: number, step: number): number {
    const [leftValue, rightValue] = [this.valueOf(left, step), this.valueOf(right, step)];
    if (this.isBetter(leftValue, rightValue)) return -1;
    return this.isBetter(rightValue, leftValue) ? 1 : left - right;
  }

  private isBetter(left: number, right: number): boolean {
    return this.sign * left > this.sign * right || (Number.isNaN(right) && !Number.isNaN(left));
  }
}

function swap(items: number[], left: number, right: number): void {
  const item = itemAt(items, left);
  items[left] = itemAt(items, right);
  items[right] = item;
}

/** `limitk`: the first samples of each group and step. */
export async function aggregateFirst(
  limits: Float64Array,
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
): Promise<VectorBlock> {
  checkLimits(limits);
  let [left, leftStep] = [0, -1];
  return selectPerGroup(block, groups, pacer, (_row, step, isFirst) => {
    if (isFirst || step !== leftStep) left = Math.max(0, Math.trunc(limits[step] as number));
    leftStep = step;
    return left-- > 0;
  });
}

/**
 * `limit_ratio`: a stable share of the series. A negative ratio selects the complement of its
 * positive counterpart.
 */
export async function aggregateRatio(
  ratios: Float64Array,
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
): Promise<VectorBlock> {
  if (ratios.some(Number.isNaN)) throw new QueryExecutionError("Ratio value is NaN");
  const shares = new Float64Array(block.labels.length);
  for (const [row, { key }] of block.labels.entries()) {
    shares[row] = hashShare(key);
    if (pacer.isDue(WORK_PER_KEY)) await pacer.pause();
  }
  return selectPerGroup(block, groups, pacer, (row, step) => {
    const ratio = Math.min(1, Math.max(-1, ratios[step] as number));
    const share = shares[row] as number;
    return ratio >= 0 ? share < ratio : share >= 1 + ratio;
  });
}

/** `quantile`: interpolated between the samples of each group and step. */
export async function aggregateQuantiles(
  quantiles: Float64Array,
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps } = block;
  const values = new Float64Array(groups.labels.length * steps);
  const present = new Uint8Array(values.length);
  for (const [group, rows] of (await rowsByGroup(groups, pacer)).entries()) {
    const collected = new Float64Array(rows.length);
    for (let step = 0; step < steps; step++) {
      let count = 0;
      for (const row of rows) {
        if (block.present[row * steps + step] === 1)
          collected[count++] = block.values[row * steps + step] as number;
        if (pacer.isDue(1)) await pacer.pause();
      }
      if (count === 0) continue;
      const samples = collected.subarray(0, count);
      values[group * steps + step] = await quantilePaced(quantiles[step] as number, samples, pacer);
      present[group * steps + step] = 1;
    }
  }
  return { steps, labels: groups.labels, values, present, nameDropped: groups.nameDropped };
}

const MAX_INT64 = 2 ** 63;

function checkLimits(limits: Float64Array): void {
  for (const limit of limits) {
    if (Number.isNaN(limit)) throw new QueryExecutionError("Parameter value is NaN");
    if (limit >= MAX_INT64)
      throw new QueryExecutionError(`Scalar value ${formatShortestFloat(limit)} overflows int64`);
    if (limit <= -MAX_INT64)
      throw new QueryExecutionError(`Scalar value ${formatShortestFloat(limit)} underflows int64`);
  }
}

/**
 * Keeps the samples that `isChosen` selects. It is called for the samples of each group, step by step
 * and in the order of the rows; `isFirst` is true at the first sample of a group and step.
 */
async function selectPerGroup(
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
  isChosen: (row: number, step: number, isFirst: boolean) => boolean,
): Promise<VectorBlock> {
  const { steps } = block;
  const present = new Uint8Array(block.present.length);
  const order = new Set<number>();
  for (const rows of await rowsByGroup(groups, pacer)) {
    for (let step = 0; step < steps; step++) {
      let isFirst = true;
      for (const row of rows) {
        if (pacer.isDue(2)) await pacer.pause();
        const cell = row * steps + step;
        if (block.present[cell] === 0) continue;
        const chosen = isChosen(row, step, isFirst);
        isFirst = false;
        if (!chosen) continue;
        present[cell] = 1;
        order.add(row);
      }
    }
  }
  return keepRows({ ...block, present }, [...order], pacer);
}

/** A number in [0, 1) that depends on the text only, spread evenly. */
const hashShare = (text: string): number => hashText(text) / 2 ** 32;
