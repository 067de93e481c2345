import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { groupRows } from "../evaluation/aggregation-groups.js";
import { withoutParentheses, type Aggregation, type Expression } from "../language/ast.js";
import { aggregateColumns } from "./column-aggregations.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import type { Pacer } from "../evaluation/pacer.js";
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
  switch (node.operator) {
    case "topk":
    case "bottomk":
      return aggregateRanked(node.operator, parameters, block, groups, pacer);
    case "limitk":
      return aggregateFirst(parameters, block, groups, pacer);
    case "limit_ratio":
      warnAboutRatios(parameters, node, evaluation);
      return aggregateRatio(parameters, block, groups, pacer);
    case "quantile":
      warnAboutQuantiles(parameters, node.parameter as Expression, evaluation);
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

/** Notes every quantile outside of [0, 1]. */
export function warnAboutQuantiles(
  quantiles: Float64Array,
  source: Expression,
  { annotations }: Evaluation,
): void {
  for (const quantile of quantiles) {
    if (!(quantile >= 0 && quantile <= 1)) annotations.invalidQuantile(quantile, source.range);
  }
}

function warnAboutRatios(
  ratios: Float64Array,
  node: Aggregation,
  { annotations }: Evaluation,
): void {
  for (const ratio of ratios) {
    if (Math.abs(ratio) > 1)
      annotations.invalidRatio(ratio, Math.sign(ratio), (node.parameter as Expression).range);
  }
}

async function countValues(
  node: Aggregation,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { grouping, without } = node;
  const parameter = withoutParentheses(node.parameter as Expression);
  const label = parameter.kind === "string" ? parameter.value : "";
  if (label === "") throw new QueryExecutionError(`invalid label name ${JSON.stringify(label)}`);
  const block = await evaluation.vector(node.expression, grid);
  // The value's label takes the place of a label of that name, so rows that differ in it alone belong together.
  const names = without ? [...grouping, label] : grouping.filter((name) => name !== label);
  const { groupOfRow, labels } = await groupRows(
    block,
    { grouping: names, without },
    evaluation.pacer,
  );
  const labelsOf = (group: number, value: string): Labels => {
    const groupLabels = labels[group] as Labels;
    return without && grouping.includes(label) ? groupLabels : groupLabels.with({ [label]: value });
  };
  return countPerValue(block, groupOfRow, labelsOf, evaluation.pacer);
}

async function countPerValue(
  block: VectorBlock,
  groupOfRow: Int32Array,
  labelsOf: (group: number, value: string) => Labels,
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps } = block;
  const counts = new Map<string, { labels: Labels; counts: Float64Array }>();
  for (const [row, group] of groupOfRow.entries()) {
    for (let step = 0; step < steps; step++) {
      if (block.present[row * steps + step] === 0) continue;
      const labels = labelsOf(group, formatFloat(block.values[row * steps + step] as number));
      let entry = counts.get(labels.key);
      if (entry === undefined)
        counts.set(labels.key, (entry = { labels, counts: new Float64Array(steps) }));
      entry.counts[step] = (entry.counts[step] as number) + 1;
    }
    if (pacer.isDue(steps * 8)) await pacer.pause();
  }
  const entries = [...counts.values()];
  const values = new Float64Array(entries.length * steps);
  for (const [row, entry] of entries.entries()) values.set(entry.counts, row * steps);
  return {
    steps,
    labels: entries.map((entry) => entry.labels),
    values,
    present: Uint8Array.from(values, Math.sign),
  };
}
