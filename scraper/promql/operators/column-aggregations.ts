import type { RowGroups } from "./aggregation-groups.js";
import { isInfinite, roundingError } from "../evaluation/kahan-sum.js";
import { type Pacer, VALUES_AT_ONCE } from "../evaluation/pacer.js";
import type { AggregationOperator } from "../language/tokens.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

/** Aggregations that use each sample once and keep a few numbers per group and step. */
export type ColumnAggregation = Extract<
  AggregationOperator,
  "sum" | "avg" | "count" | "min" | "max" | "group" | "stddev" | "stdvar"
>;

interface Accumulator {
  /** Adds the row whose cells start at `from` to the group whose cells start at `into`. */
  addRow(block: VectorBlock, from: number, into: number): void;
  /** Turns the collected numbers of these cells into results, in place. */
  finish(fromCell: number, untilCell: number): void;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export async function aggregateColumns(
  operator: ColumnAggregation,
  block: VectorBlock,
  groups: RowGroups,
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps } = block;
  const accumulator = createAccumulator(operator, groups.labels.length * steps);
  for (let row = 0; row < block.labels.length; row++) {
    accumulator.addRow(block, row * steps, (groups.groupOfRow[row] as number) * steps);
    if (pacer.isDue(steps)) await pacer.pause();
  }
  const { values, present } = accumulator;
  for (let from = 0; from < values.length; from += VALUES_AT_ONCE) {
    accumulator.finish(from, Math.min(values.length, from + VALUES_AT_ONCE));
    if (pacer.isDue(VALUES_AT_ONCE)) await pacer.pause();
  }
  return { steps, labels: groups.labels, values, present, nameDropped: groups.nameDropped };
}

function createAccumulator(operator: ColumnAggregation, cells: number): Accumulator {
  switch (operator) {
    case "sum":
      return new SumAccumulator(cells);
    case "avg":
      return new MeanAccumulator(cells);
    case "count":
      return new CountAccumulator(cells);
    case "group":
      return new GroupAccumulator(cells);
    case "min":
    case "max":
      return new ExtremeAccumulator(cells, operator === "max");
    case "stddev":
    case "stdvar":
      return new VarianceAccumulator(cells, operator === "stddev");
  }
}

abstract class Cells {
  readonly values: Float64Array;
  readonly present: Uint8Array;

  constructor(cells: number) {
    this.values = new Float64Array(cells);
    this.present = new Uint8Array(cells);
  }
}

class SumAccumulator extends Cells implements Accumulator {
  private readonly compensations: Float64Array;

  constructor(cells: number) {
    super(cells);
    this.compensations = new Float64Array(cells);
  }

  addRow(block: VectorBlock, from: number, into: number): void {
    const { values, present, compensations } = this;
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 0) continue;
      const value = block.values[from + step] as number;
      const cell = into + step;
      if (present[cell] === 0) {
        present[cell] = 1;
        values[cell] = value;
        continue;
      }
      const sum = values[cell] as number;
      const newSum = sum + value;
      compensations[cell] = isInfinite(newSum)
        ? 0
        : (compensations[cell] as number) + roundingError(sum, value, newSum);
      values[cell] = newSum;
    }
  }

  finish(fromCell: number, untilCell: number): void {
    for (let cell = fromCell; cell < untilCell; cell++) {
      this.values[cell] = (this.values[cell] as number) + (this.compensations[cell] as number);
    }
  }
}

class CountAccumulator extends Cells implements Accumulator {
  addRow(block: VectorBlock, from: number, into: number): void {
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 0) continue;
      this.values[into + step] = (this.values[into + step] as number) + 1;
      this.present[into + step] = 1;
    }
  }

  finish(): void {
    // The counts are the results.
  }
}

class GroupAccumulator extends Cells implements Accumulator {
  addRow(block: VectorBlock, from: number, into: number): void {
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 1) this.present[into + step] = 1;
    }
  }

  finish(fromCell: number, untilCell: number): void {
    this.values.fill(1, fromCell, untilCell);
  }
}

class ExtremeAccumulator extends Cells implements Accumulator {
  private readonly sign: number;

  constructor(cells: number, isMaximum: boolean) {
    super(cells);
    this.sign = isMaximum ? 1 : -1;
  }

  addRow(block: VectorBlock, from: number, into: number): void {
    const { values, present, sign } = this;
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 0) continue;
      const value = block.values[from + step] as number;
      const best = values[into + step] as number;
      // NaN is replaced by any other value, and replaces none.
      if (present[into + step] === 0 || sign * value > sign * best || Number.isNaN(best)) {
        values[into + step] = value;
        present[into + step] = 1;
      }
    }
  }

  finish(): void {
    // The best values are the results.
  }
}

/**
 * Divides a Kahan sum by the count. As in Prometheus, it continues with a running mean where the
 * sum overflows.
 */
class MeanAccumulator extends Cells implements Accumulator {
  private readonly compensations: Float64Array;
  private readonly counts: Float64Array;
  /** 1 where `values` holds a mean instead of a sum. */
  private readonly isMean: Uint8Array;

  constructor(cells: number) {
    super(cells);
    this.compensations = new Float64Array(cells);
    this.counts = new Float64Array(cells);
    this.isMean = new Uint8Array(cells);
  }

  addRow(block: VectorBlock, from: number, into: number): void {
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 1)
        this.add(into + step, block.values[from + step] as number);
    }
  }

  private add(cell: number, value: number): void {
    const count = (this.counts[cell] as number) + 1;
    this.counts[cell] = count;
    if (count === 1) {
      this.values[cell] = value;
      this.present[cell] = 1;
      return;
    }
    if (this.isMean[cell] === 0) {
      const sum = this.values[cell] as number;
      const newSum = sum + value;
      if (!isInfinite(newSum)) {
        this.values[cell] = newSum;
        this.compensations[cell] =
          (this.compensations[cell] as number) + roundingError(sum, value, newSum);
        return;
      }
      this.isMean[cell] = 1;
      this.values[cell] = sum / (count - 1);
      this.compensations[cell] = (this.compensations[cell] as number) / (count - 1);
    }
    this.addToMean(cell, value / count, (count - 1) / count);
  }

  private addToMean(cell: number, share: number, weight: number): void {
    const mean = weight * (this.values[cell] as number);
    const newMean = mean + share;
    this.compensations[cell] = isInfinite(newMean)
      ? 0
      : weight * (this.compensations[cell] as number) + roundingError(mean, share, newMean);
    this.values[cell] = newMean;
  }

  finish(fromCell: number, untilCell: number): void {
    for (let cell = fromCell; cell < untilCell; cell++) {
      const divisor = this.isMean[cell] === 1 ? 1 : (this.counts[cell] as number);
      this.values[cell] =
        (this.values[cell] as number) / divisor + (this.compensations[cell] as number) / divisor;
    }
  }
}

/** Welford's running variance of the whole population. */
class VarianceAccumulator extends Cells implements Accumulator {
  private readonly counts: Float64Array;
  private readonly means: Float64Array;

  constructor(
    cells: number,
    private readonly takeRoot: boolean,
  ) {
    super(cells);
    this.counts = new Float64Array(cells);
    this.means = new Float64Array(cells);
  }

  addRow(block: VectorBlock, from: number, into: number): void {
    const { values, present, counts, means } = this;
    for (let step = 0; step < block.steps; step++) {
      if (block.present[from + step] === 0) continue;
      const value = block.values[from + step] as number;
      const cell = into + step;
      const count = (counts[cell] as number) + 1;
      counts[cell] = count;
      present[cell] = 1;
      if (count === 1) {
        means[cell] = value;
        values[cell] = Number.isFinite(value) ? 0 : NaN;
        continue;
      }
      const delta = value - (means[cell] as number);
      const mean = (means[cell] as number) + delta / count;
      means[cell] = mean;
      values[cell] = (values[cell] as number) + delta * (value - mean);
    }
  }

  finish(fromCell: number, untilCell: number): void {
    for (let cell = fromCell; cell < untilCell; cell++) {
      const variance = (this.values[cell] as number) / (this.counts[cell] as number);
      this.values[cell] = this.takeRoot ? Math.sqrt(variance) : variance;
    }
  }
}
