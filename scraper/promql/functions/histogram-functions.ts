import { formatOpenMetricsFloat } from "../../../exporter/shared/model/float-format.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import {
  argumentOfType,
  resultTypeOf,
  stringValueOf,
  type Call,
  type SourceRange,
} from "../language/ast.js";
import type { Pacer } from "../evaluation/pacer.js";
import { METADATA_LABELS, WORK_PER_KEY, keyOf, pairsWithout } from "../evaluation/label-keys.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { bucketFraction, bucketQuantile, type Bucket } from "../evaluation/histogram-buckets.js";
import { numberValue } from "../language/number-scanner.js";
import { QueryExecutionError } from "../language/query-errors.js";
import type { TimeGrid } from "../evaluation/time-grid.js";
import {
  BlockBuilder,
  emptyBlock,
  mergeSameLabels,
  type VectorBlock,
} from "../evaluation/vector-block.js";

const BUCKET_LABEL = "le";
/** The work of reading and sorting a bucket, in values for the pacer. */
const WORK_PER_BUCKET = 16;

/** A classic histogram; each bucket is a row of a block. */
interface Histogram {
  readonly labels: Labels;
  readonly metricName: string;
  readonly rows: { readonly row: number; readonly upperBound: number }[];
}

/**
 * Evaluates a histogram function. No native histograms are stored, so functions of native
 * histograms have an empty result, as in Prometheus.
 */
export async function callHistogramFunction(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  switch (call.signature.name) {
    case "histogram_quantile":
    case "histogram_quantiles":
      return quantiles(call, grid, evaluation);
    case "histogram_fraction":
      return fractions(call, grid, evaluation);
    default:
      await evaluation.vector(itemAt(call.arguments, 0), grid);
      return emptyBlock(grid.count);
  }
}

async function quantiles(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  const isMany = call.signature.name === "histogram_quantiles";
  const source = argumentOfType(call, "vector");
  const columns: { quantiles: Float64Array; range: SourceRange }[] = [];
  for (const argument of call.arguments) {
    if (resultTypeOf(argument) !== "scalar") continue;
    columns.push({ quantiles: await evaluation.scalar(argument, grid), range: argument.range });
  }
  const block = await evaluation.vector(source, grid);
  for (const { quantiles, range } of columns)
    evaluation.annotations.checkQuantiles(quantiles, range);
  const histograms = await findHistograms(block, source.range, evaluation);
  evaluation.budget.take(grid.count * histograms.length * columns.length);
  const builder = new BlockBuilder(grid.count, histograms.length * columns.length);
  for (const histogram of histograms) {
    for (const { quantiles } of columns) {
      const labels = isMany ? withQuantile(histogram.labels, call, quantiles) : histogram.labels;
      const evaluate = (buckets: Bucket[], step: number): number => {
        const { value, forcedMonotonic } = bucketQuantile(quantiles[step] as number, buckets);
        if (forcedMonotonic)
          evaluation.annotations.forcedMonotonicity(histogram.metricName, source.range);
        return value;
      };
      await writeRow(builder, block, histogram, evaluate, evaluation.pacer);
      builder.finishRow(labels);
    }
  }
  return mergeSameLabels(builder.build(), evaluation.pacer);
}

/** The labels of a histogram with its quantile in the label that the call names. */
function withQuantile(labels: Labels, call: Call, quantiles: Float64Array): Labels {
  const label = stringValueOf(itemAt(call.arguments, 1));
  if (label === "")
    throw new QueryExecutionError(`invalid label name in histogram_quantiles(): ${label}`);
  if (labels.has(label)) {
    throw new QueryExecutionError(
      `the label ${label} of histogram_quantiles() exists in the histogram already`,
    );
  }
  return labels.with({ [label]: formatOpenMetricsFloat(quantiles[0] as number) });
}

async function fractions(call: Call, grid: TimeGrid, evaluation: Evaluation): Promise<VectorBlock> {
  const source = itemAt(call.arguments, 2);
  const lower = await evaluation.scalar(itemAt(call.arguments, 0), grid);
  const upper = await evaluation.scalar(itemAt(call.arguments, 1), grid);
  const block = await evaluation.vector(source, grid);
  const histograms = await findHistograms(block, source.range, evaluation);
  evaluation.budget.take(grid.count * histograms.length);
  const builder = new BlockBuilder(grid.count, histograms.length);
  for (const histogram of histograms) {
    const evaluate = (buckets: Bucket[], step: number): number =>
      bucketFraction(lower[step] as number, upper[step] as number, buckets);
    await writeRow(builder, block, histogram, evaluate, evaluation.pacer);
    builder.finishRow(histogram.labels);
  }
  return mergeSameLabels(builder.build(), evaluation.pacer);
}

/**
 * Groups rows into histograms by all labels but `le`. The result of a histogram has no metric name.
 */
async function findHistograms(
  block: VectorBlock,
  range: SourceRange,
  { annotations, pacer }: Evaluation,
): Promise<Histogram[]> {
  const ownPairs = pairsWithout([BUCKET_LABEL]);
  const resultPairs = pairsWithout([BUCKET_LABEL, ...METADATA_LABELS]);
  const histograms = new Map<string, Histogram>();
  for (const [row, labels] of block.labels.entries()) {
    if (pacer.isDue(2 * WORK_PER_KEY)) await pacer.pause();
    const upperBound = numberValueOf(labels.get(BUCKET_LABEL));
    if (upperBound === undefined) {
      if (isRowPresent(block, row))
        annotations.badBucketLabel(labels.name, labels.get(BUCKET_LABEL), range);
      continue;
    }
    const key = keyOf(ownPairs(labels.pairs));
    const known = histograms.get(key);
    if (known !== undefined) {
      known.rows.push({ row, upperBound });
      continue;
    }
    const own = Labels.ofSorted(resultPairs(labels.pairs));
    histograms.set(key, { labels: own, metricName: labels.name, rows: [{ row, upperBound }] });
  }
  return [...histograms.values()];
}

const isRowPresent = ({ steps, present }: VectorBlock, row: number): boolean =>
  present.subarray(row * steps, (row + 1) * steps).includes(1);

/** Parses a label value as Go's ParseFloat does, as far as buckets need it. */
function numberValueOf(text: string): number | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const magnitude = numberValue(text.slice(sign.length).replace(/^infinity$/i, "inf"));
  if (magnitude === undefined) return undefined;
  return sign === "-" ? -magnitude : magnitude;
}

async function writeRow(
  { values, present, offset }: BlockBuilder,
  block: VectorBlock,
  { rows }: Histogram,
  evaluate: (buckets: Bucket[], step: number) => number,
  pacer: Pacer,
): Promise<void> {
  for (let step = 0; step < block.steps; step++) {
    const buckets: Bucket[] = [];
    for (const { row, upperBound } of rows) {
      const cell = row * block.steps + step;
      if (block.present[cell] === 1)
        buckets.push({ upperBound, count: block.values[cell] as number });
    }
    if (pacer.isDue(rows.length * WORK_PER_BUCKET)) await pacer.pause();
    if (buckets.length === 0) continue;
    values[offset + step] = evaluate(buckets, step);
    present[offset + step] = 1;
  }
}
