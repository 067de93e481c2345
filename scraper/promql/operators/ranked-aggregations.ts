import { formatShortestFloat } from "../../../exporter/shared/model/float-format.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { hashText } from "../../../exporter/shared/model/hash.js";
import { firstIndexWhere } from "../../base/binary-search.js";
import { rowsByGroup, type RowGroups } from "./aggregation-groups.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { quantileOf } from "../evaluation/quantile.js";
import type { Pacer } from "../evaluation/pacer.js";
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
  pacer: Pacer,
): Promise<VectorBlock> {
  checkLimits(limits);
  const { steps, values } = block;
  const present = new Uint8Array(block.present.length);
  const order = new Set<number>();
  for (const rows of rowsByGroup(groups)) {
    const ranking = new Ranking(block, limits, operator === "topk" ? 1 : -1);
    for (const row of rows) {
      for (let step = 0; step < steps; step++) {
        if (block.present[row * steps + step] === 1)
          ranking.offer(step, row, values[row * steps + step] as number);
      }
      if (pacer.isDue(steps)) await pacer.pause();
    }
    for (const [step, best] of ranking.best.entries()) {
      for (const row of best) {
        present[row * steps + step] = 1;
        order.add(row);
      }
    }
  }
  return keepRows({ ...block, present }, [...order]);
}

/**
 * The best rows of one group at every step, best first. Rows are offered one by one, each with all
 * its steps.
 */
class Ranking {
  readonly best: number[][];

  constructor(
    private readonly block: VectorBlock,
    private readonly limits: Float64Array,
    private readonly sign: 1 | -1,
  ) {
    this.best = Array.from(limits, () => []);
  }

  offer(step: number, row: number, value: number): void {
    const best = this.best[step];
    const limit = Math.trunc(this.limits[step] as number);
    if (best === undefined || limit < 1) return;
    const isFull = best.length >= limit;
    if (isFull && !this.ranksBefore(value, this.valueOf(itemAt(best, -1), step))) return;
    const place = firstIndexWhere(best, (other) =>
      this.ranksBefore(value, this.valueOf(other, step)),
    );
    best.splice(place, 0, row);
    if (isFull) best.pop();
  }

  private valueOf(row: number, step: number): number {
    return this.block.values[row * this.block.steps + step] as number;
  }

  private ranksBefore(left: number, right: number): boolean {
    return this.sign * left > this.sign * right || (Number.isNaN(right) && !Number.isNaN(left));
  }
}

/** `limitk`: the first samples of each group and step. */
export async function aggregateFirst(
  limits: Float64Array,
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
): Promise<VectorBlock> {
  checkLimits(limits);
  return selectPerGroup(block, groups, pacer, (rows, step) => {
    const present = rows.filter((row) => block.present[row * block.steps + step] === 1);
    return present.slice(0, Math.max(0, Math.trunc(limits[step] as number)));
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
  const shares = Float64Array.from(block.labels, ({ key }) => hashShare(key));
  return selectPerGroup(block, groups, pacer, (rows, step) => {
    const ratio = Math.min(1, Math.max(-1, ratios[step] as number));
    const isChosen = (share: number): boolean => (ratio >= 0 ? share < ratio : share >= 1 + ratio);
    return rows.filter(
      (row) => block.present[row * block.steps + step] === 1 && isChosen(shares[row] as number),
    );
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
  for (const [group, rows] of rowsByGroup(groups).entries()) {
    const collected = new Float64Array(rows.length);
    for (let step = 0; step < steps; step++) {
      let count = 0;
      for (const row of rows) {
        if (block.present[row * steps + step] === 1)
          collected[count++] = block.values[row * steps + step] as number;
      }
      if (pacer.isDue(rows.length * 4)) await pacer.pause();
      if (count === 0) continue;
      values[group * steps + step] = quantileOf(
        quantiles[step] as number,
        collected.subarray(0, count),
      );
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

/** Keeps the rows that `choose` returns for each group and step. */
async function selectPerGroup(
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
  choose: (rows: readonly number[], step: number) => number[],
): Promise<VectorBlock> {
  const { steps } = block;
  const present = new Uint8Array(block.present.length);
  const order = new Set<number>();
  for (const rows of rowsByGroup(groups)) {
    for (let step = 0; step < steps; step++) {
      for (const row of choose(rows, step)) {
        present[row * steps + step] = 1;
        order.add(row);
      }
      if (pacer.isDue(rows.length * 2)) await pacer.pause();
    }
  }
  return keepRows({ ...block, present }, [...order]);
}

/** A number in [0, 1) that depends on the text only, spread evenly. */
const hashShare = (text: string): number => hashText(text) / 2 ** 32;
