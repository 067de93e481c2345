/**
 * Aggregations such as `sum by (job)`. An aggregation and a grid of steps come in, a `VectorBlock`
 * goes out with one row per group or, for `topk` and the like, the selected rows of the operand.
 *
 * Rows are first put into groups (aggregation-groups.ts). Aggregations that need only a few numbers
 * per group and step are in column-aggregations.ts, those that rank or select samples in
 * ranked-aggregations.ts. Loops over rows pace the query.
 */
import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import { itemAt, present } from "../../../exporter/shared/model/get-or-throw.js";
import { isLabelName, type Labels } from "../../../exporter/shared/model/labels.js";
import { goQuote } from "../../base/go-quote.js";
import { groupRows, type RowGroups } from "./aggregation-groups.js";
import { stringValueOf, type Aggregation, type SourceRange } from "../language/ast.js";
import { aggregateColumns } from "./column-aggregations.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { QueryExecutionError } from "../language/query-errors.js";
import {
  aggregateFirst,
  aggregateQuantiles,
  aggregateRanked,
  aggregateRatio,
} from "./ranked-aggregations.js";
import type { TimeGrid } from "../evaluation/time-grid.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

/** Evaluates an aggregation at every step of the grid. */
export async function aggregate(
  node: Aggregation,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  if (node.operator === "count_values") return countValues(node, grid, evaluation);
  const parameter =
    node.parameter === undefined ? undefined : await evaluation.scalar(node.parameter, grid);
  const block = await evaluation.vector(node.expression, grid);
  const { pacer } = evaluation;
  const groups = await groupRows(block, node, pacer);
  const parameters = parameter ?? new Float64Array(grid.count);
  const { range: parameterRange } = node.parameter ?? node;
  switch (node.operator) {
    case "topk":
    case "bottomk":
      return aggregateRanked(node.operator, parameters, block, groups, evaluation);
    case "limitk":
      return aggregateFirst(parameters, block, groups, pacer);
    case "limit_ratio":
      checkRatios(parameters, parameterRange, evaluation);
      return aggregateRatio(parameters, block, groups, pacer);
    case "quantile":
      evaluation.annotations.checkQuantiles(parameters, parameterRange);
      return aggregateQuantiles(parameters, block, groups, pacer);
    case "sum":
    case "avg":
    case "count":
    case "min":
    case "max":
    case "group":
    case "stddev":
    case "stdvar":
      evaluation.budget.take(groups.labels.length * grid.count);
      return aggregateColumns(node.operator, block, groups, pacer);
  }
}

function checkRatios(ratios: Float64Array, range: SourceRange, { annotations }: Evaluation): void {
  for (const ratio of ratios) {
    if (Math.abs(ratio) > 1) annotations.invalidRatio(ratio, Math.sign(ratio), range);
  }
}

async function countValues(
  node: Aggregation,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { grouping, without } = node;
  const label = stringValueOf(present(node.parameter, "The label of count_values"));
  if (!isLabelName(label)) throw new QueryExecutionError(`invalid label name ${goQuote(label)}`);
  const block = await evaluation.vector(node.expression, grid);
  // The label of the value replaces a label of the same name, so rows that differ only there form
  // one group.
  const names = without ? [...grouping, label] : grouping.filter((name) => name !== label);
  const groups = await groupRows(block, { grouping: names, without }, evaluation.pacer);
  const isLabelDropped = without && grouping.includes(label);
  const labelsOf = (groupLabels: Labels, value: string): Labels =>
    isLabelDropped ? groupLabels : groupLabels.with({ [label]: value });
  return countPerValue(block, groups, labelsOf, evaluation);
}

/** The work of making the label of a value, in values for the pacer. */
const WORK_PER_VALUE = 128;

async function countPerValue(
  block: VectorBlock,
  groups: RowGroups,
  labelsOf: (groupLabels: Labels, value: string) => Labels,
  { pacer, budget }: Evaluation,
): Promise<VectorBlock> {
  const { steps } = block;
  const counts = new Map<string, { labels: Labels; counts: Float64Array }>();
  for (const [row, group] of groups.groupOfRow.entries()) {
    const groupLabels = itemAt(groups.labels, group);
    for (let step = 0; step < steps; step++) {
      if (block.present[row * steps + step] === 0) continue;
      const value = formatFloat(block.values[row * steps + step] as number);
      const labels = labelsOf(groupLabels, value);
      let entry = counts.get(labels.key);
      if (entry === undefined) {
        budget.take(2 * steps); // The counts, and their place in the result.
        counts.set(labels.key, (entry = { labels, counts: new Float64Array(steps) }));
      }
      entry.counts[step] = (entry.counts[step] as number) + 1;
      if (pacer.isDue(WORK_PER_VALUE)) await pacer.pause();
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  const values = new Float64Array(counts.size * steps);
  const present = new Uint8Array(values.length);
  const labels: Labels[] = [];
  for (const entry of counts.values()) {
    const offset = labels.push(entry.labels) * steps - steps;
    for (let step = 0; step < steps; step++) {
      const count = entry.counts[step] as number;
      values[offset + step] = count;
      if (count > 0) present[offset + step] = 1;
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return { steps, labels, values, present };
}
