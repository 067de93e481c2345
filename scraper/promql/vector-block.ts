import { Labels, METRIC_NAME } from "../../exporter/shared/model/labels.js";
import { QueryExecutionError } from "./query-errors.js";

/**
 * An instant vector at every step of a grid: one row per series, one column per step, in two flat arrays. A query of
 * one instant is the case of one step; so there is one evaluation, and no object per sample in it.
 */
export interface VectorBlock {
  readonly steps: number;
  readonly labels: readonly Labels[];
  /** `values[row * steps + step]`; without meaning where `present` is 0. */
  readonly values: Float64Array;
  /** 1 where the series has a sample at the step, else 0. */
  readonly present: Uint8Array;
  /** Only with delayed name removal: 1 for rows whose metric name is to go before the answer is given. */
  readonly nameDropped?: Uint8Array | undefined;
}

export function emptyBlock(steps: number): VectorBlock {
  return { steps, labels: [], values: new Float64Array(0), present: new Uint8Array(0) };
}

/** A block of one row that is present at every step. */
export function singleRow(labels: Labels, values: Float64Array): VectorBlock {
  return { steps: values.length, labels: [labels], values, present: new Uint8Array(values.length).fill(1) };
}

/** Collects rows that turn out to be needed one by one; room for `maxRows` is taken at once. */
export class BlockBuilder {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  private readonly labels: Labels[] = [];
  private readonly dropped: number[] = [];

  constructor(private readonly steps: number, maxRows: number) {
    this.values = new Float64Array(steps * maxRows);
    this.present = new Uint8Array(steps * maxRows);
  }

  /** Where the next row begins in `values` and `present`. */
  get offset(): number {
    return this.labels.length * this.steps;
  }

  /** Keeps what was written at `offset` as a row, unless nothing in it is present. */
  finishRow(labels: Labels, nameDropped = 0): void {
    const { offset } = this;
    const end = offset + this.steps;
    for (let cell = offset; cell < end; cell++) {
      if (this.present[cell] === 0) continue;
      this.labels.push(labels);
      this.dropped.push(nameDropped);
      return;
    }
  }

  build(): VectorBlock {
    const { steps, labels, offset: cells } = this;
    const nameDropped = this.dropped.some((flag) => flag !== 0) ? Uint8Array.from(this.dropped) : undefined;
    return {
      steps, labels, values: this.values.subarray(0, cells), present: this.present.subarray(0, cells), nameDropped,
    };
  }
}

/** The label set without its metric name. */
export function withoutName(labels: Labels): Labels {
  const { pairs } = labels;
  for (let index = 0; index < pairs.length; index++) {
    const name = (pairs[index] as readonly [string, string])[0];
    if (name === METRIC_NAME) return Labels.ofSorted(pairs.filter((_, other) => other !== index));
    if (name > METRIC_NAME) return labels;
  }
  return labels;
}

/**
 * The block with metric names gone, or marked to go when removal is delayed.
 *
 * @throws {QueryExecutionError} when two series become the same
 */
export function dropNames(block: VectorBlock, isDelayed: boolean): VectorBlock {
  if (isDelayed) return { ...block, nameDropped: new Uint8Array(block.labels.length).fill(1) };
  const { labels } = block;
  const dropped = { ...block, labels: labels.map(withoutName) };
  const firstName = labels[0]?.name;
  return labels.every(({ name }) => name === firstName) ? dropped : mergeSameLabels(dropped);
}

/** Removes the names that operations before left in place. */
export function removeDroppedNames(block: VectorBlock): VectorBlock {
  const { labels, nameDropped } = block;
  if (nameDropped === undefined) return block;
  const cleaned = labels.map((each, row) => (nameDropped[row] === 1 ? withoutName(each) : each));
  return mergeSameLabels({ ...block, labels: cleaned, nameDropped: undefined });
}

/**
 * Makes one row of rows with the same labels.
 *
 * @throws {QueryExecutionError} when two of them are present at one step
 */
export function mergeSameLabels(
  block: VectorBlock,
  message = "vector cannot contain metrics with the same labelset",
): VectorBlock {
  const { steps, labels, values, present } = block;
  const rowOfKey = new Map<string, number>();
  const keptRows: number[] = [];
  for (let row = 0; row < labels.length; row++) {
    const { key } = labels[row] as Labels;
    const target = rowOfKey.get(key);
    if (target === undefined) {
      rowOfKey.set(key, row);
      keptRows.push(row);
    } else {
      moveCells({ values, present }, row * steps, target * steps, steps, message);
    }
  }
  return keptRows.length === labels.length ? block : keepRows(block, keptRows);
}

function moveCells(
  { values, present }: { values: Float64Array; present: Uint8Array },
  from: number,
  to: number,
  steps: number,
  message: string,
): void {
  for (let step = 0; step < steps; step++) {
    if (present[from + step] === 0) continue;
    if (present[to + step] === 1) throw new QueryExecutionError(message);
    values[to + step] = values[from + step] as number;
    present[to + step] = 1;
  }
}

/** The block with these rows, in this order. */
export function keepRows(block: VectorBlock, rows: readonly number[]): VectorBlock {
  const { steps, nameDropped } = block;
  const values = new Float64Array(rows.length * steps);
  const present = new Uint8Array(rows.length * steps);
  for (const [index, row] of rows.entries()) {
    values.set(block.values.subarray(row * steps, (row + 1) * steps), index * steps);
    present.set(block.present.subarray(row * steps, (row + 1) * steps), index * steps);
  }
  return {
    steps,
    values,
    present,
    labels: rows.map((row) => block.labels[row] as Labels),
    nameDropped: nameDropped === undefined ? undefined : Uint8Array.from(rows, (row) => nameDropped[row] as number),
  };
}
