import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { QueryFeatures } from "../language/features.js";
import { withoutMetadata } from "./label-keys.js";
import type { Pacer } from "./pacer.js";
import { QueryExecutionError } from "../language/query-errors.js";

/**
 * An instant vector at every step of a grid: one row per series and one column per step, in two
 * flat arrays without an object per sample. An instant query is the case of one step.
 */
export interface VectorBlock {
  readonly steps: number;
  readonly labels: readonly Labels[];
  /** `values[row * steps + step]`; meaningless where `present` is 0. */
  readonly values: Float64Array;
  /** 1 where the series has a sample at the step, else 0. */
  readonly present: Uint8Array;
  /**
   * Only with delayed name removal: 1 for rows whose metric name is removed at the end of the
   * query.
   */
  readonly nameDropped?: Uint8Array | undefined;
}

export function emptyBlock(steps: number): VectorBlock {
  return { steps, labels: [], values: new Float64Array(0), present: new Uint8Array(0) };
}

/** A block of one row that is present at every step. */
export function singleRow(labels: Labels, values: Float64Array): VectorBlock {
  return {
    steps: values.length,
    labels: [labels],
    values,
    present: new Uint8Array(values.length).fill(1),
  };
}

/** Builds a block row by row, in memory for `maxRows` rows that is allocated at the start. */
export class BlockBuilder {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  private readonly labels: Labels[] = [];
  private readonly dropped: number[] = [];

  constructor(
    private readonly steps: number,
    maxRows: number,
  ) {
    this.values = new Float64Array(steps * maxRows);
    this.present = new Uint8Array(steps * maxRows);
  }

  /** Where the next row starts in `values` and `present`. */
  get offset(): number {
    return this.labels.length * this.steps;
  }

  /** Adds the cells written at `offset` as a row, unless the row has no sample. */
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
    const nameDropped = this.dropped.some((flag) => flag !== 0)
      ? Uint8Array.from(this.dropped)
      : undefined;
    return {
      steps,
      labels,
      values: this.values.subarray(0, cells),
      present: this.present.subarray(0, cells),
      nameDropped,
    };
  }
}

/** The work of making or comparing one label set, as a number of values for the pacer. */
const WORK_PER_LABELS = 64;
/** The work of copying a row, besides its values. */
const WORK_PER_ROW = 16;
const CELLS_PER_SLICE = 16_384;
/** Copying is faster than computing. */
const COPIED_AT_ONCE = 131_072;

/**
 * Maps the values of a block; cells without a sample are mapped too, to values that nobody reads.
 */
export async function mapCells(
  { values }: VectorBlock,
  pacer: Pacer,
  change: (value: number, cell: number) => number,
): Promise<Float64Array> {
  const changed = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += CELLS_PER_SLICE) {
    const end = Math.min(values.length, from + CELLS_PER_SLICE);
    for (let cell = from; cell < end; cell++) changed[cell] = change(values[cell] as number, cell);
    if (pacer.isDue(end - from)) await pacer.pause();
  }
  return changed;
}

/**
 * Removes the metric names or, with delayed name removal, marks them for removal.
 *
 * @throws {QueryExecutionError} when two series become the same
 */
export async function dropNames(
  block: VectorBlock,
  { features, pacer }: { readonly features: QueryFeatures; readonly pacer: Pacer },
): Promise<VectorBlock> {
  if (features.has("promql-delayed-name-removal")) {
    return { ...block, nameDropped: new Uint8Array(block.labels.length).fill(1) };
  }
  const firstName = block.labels[0]?.name;
  let isUniform = true;
  const labels: Labels[] = [];
  for (const each of block.labels) {
    const cleaned = withoutMetadata(each);
    isUniform &&= each.name === firstName && each.pairs.length - cleaned.pairs.length <= 1;
    labels.push(cleaned);
    if (pacer.isDue(WORK_PER_LABELS)) await pacer.pause();
  }
  const dropped = { ...block, labels };
  return isUniform ? dropped : mergeSameLabels(dropped, pacer);
}

/** Removes the metric names that `dropNames` marked. */
export async function removeDroppedNames(block: VectorBlock, pacer: Pacer): Promise<VectorBlock> {
  const { labels, nameDropped } = block;
  if (nameDropped === undefined) return block;
  const cleaned: Labels[] = [];
  for (const [row, each] of labels.entries()) {
    cleaned.push(nameDropped[row] === 1 ? withoutMetadata(each) : each);
    if (pacer.isDue(WORK_PER_LABELS)) await pacer.pause();
  }
  return mergeSameLabels({ ...block, labels: cleaned, nameDropped: undefined }, pacer);
}

/**
 * Merges rows with the same labels.
 *
 * @throws {QueryExecutionError} when two of them have a sample at the same step
 */
export async function mergeSameLabels(block: VectorBlock, pacer: Pacer): Promise<VectorBlock> {
  const { steps, labels } = block;
  const rowOfKey = new Map<string, number>();
  const keptRows: number[] = [];
  let merged: VectorBlock | undefined;
  for (const [row, { key }] of labels.entries()) {
    const target = rowOfKey.get(key);
    if (target === undefined) {
      rowOfKey.set(key, row);
      keptRows.push(row);
    } else {
      // Other parts of the query may still use the block, so its cells are copied before the first
      // change.
      merged ??= {
        ...block,
        values: await copyPaced(block.values, pacer),
        present: block.present.slice(),
      };
      moveCells(merged, row * steps, target * steps);
    }
    if (pacer.isDue(WORK_PER_LABELS)) await pacer.pause();
  }
  return merged === undefined ? block : keepRows(merged, keptRows, pacer);
}

function moveCells({ steps, values, present }: VectorBlock, from: number, to: number): void {
  for (let step = 0; step < steps; step++) {
    if (present[from + step] === 0) continue;
    if (present[to + step] === 1) {
      throw new QueryExecutionError("vector cannot contain metrics with the same labelset");
    }
    values[to + step] = values[from + step] as number;
    present[to + step] = 1;
  }
}

/** A block of only these rows, in this order. */
export async function keepRows(
  block: VectorBlock,
  rows: readonly number[],
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps, nameDropped } = block;
  const values = new Float64Array(rows.length * steps);
  const present = new Uint8Array(rows.length * steps);
  const labels: Labels[] = [];
  const dropped = nameDropped === undefined ? undefined : new Uint8Array(rows.length);
  for (const [index, row] of rows.entries()) {
    values.set(block.values.subarray(row * steps, (row + 1) * steps), index * steps);
    present.set(block.present.subarray(row * steps, (row + 1) * steps), index * steps);
    labels.push(itemAt(block.labels, row));
    if (dropped !== undefined) dropped[index] = nameDropped?.[row] ?? 0;
    if (pacer.isDue(steps + WORK_PER_ROW)) await pacer.pause();
  }
  return { steps, values, present, labels, nameDropped: dropped };
}

/** Copies in parts. */
export async function copyPaced(
  values: Float64Array,
  pacer: Pacer,
  copy = new Float64Array(values.length),
): Promise<Float64Array> {
  for (let from = 0; from < values.length; from += COPIED_AT_ONCE) {
    copy.set(values.subarray(from, from + COPIED_AT_ONCE), from);
    if (pacer.isDue(CELLS_PER_SLICE)) await pacer.pause();
  }
  return copy;
}
