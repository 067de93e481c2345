import { Labels } from "../../../exporter/shared/model/labels.js";
import type { RangeExtension } from "../language/ast.js";
import type { RangeRow, RangeSelection } from "../evaluation/evaluation.js";
import { edgesOf } from "../evaluation/window-edges.js";
import type { Pacer } from "../evaluation/pacer.js";
import { sortPaced } from "../../base/paced-sort.js";
import type {
  MatrixSeries,
  MatrixValue,
  VectorSample,
  VectorValue,
} from "../evaluation/query-results.js";
import { timesOf, type TimeGrid } from "../evaluation/time-grid.js";
import { removeDroppedNames, type VectorBlock } from "../evaluation/vector-block.js";

/** The work of making the object of a sample or series, in values for the pacer. */
const WORK_PER_SAMPLE = 16;

/** Converts the result of an instant query. The samples keep the order of evaluation. */
export async function vectorOfBlock(
  block: VectorBlock,
  timestampMs: number,
  pacer: Pacer,
): Promise<VectorValue> {
  const { labels, values, present } = await removeDroppedNames(block, pacer);
  const samples: VectorSample[] = [];
  for (const [row, each] of labels.entries()) {
    if (present[row] === 0) continue;
    samples.push({ labels: each, timestampMs, value: values[row] as number });
    if (pacer.isDue(WORK_PER_SAMPLE)) await pacer.pause();
  }
  return { type: "vector", samples };
}

/**
 * Converts the result of a range query, sorted by labels. Series without gaps share one column of
 * times.
 */
export async function matrixOfBlock(
  block: VectorBlock,
  grid: TimeGrid,
  pacer: Pacer,
): Promise<MatrixValue> {
  const { steps, labels, values, present } = await removeDroppedNames(block, pacer);
  const times = timesOf(grid);
  const series: MatrixSeries[] = [];
  for (const [row, each] of labels.entries()) {
    const from = row * steps;
    const points = presentPoints(
      times,
      values.subarray(from, from + steps),
      present.subarray(from, from + steps),
    );
    if (points.timestamps.length > 0) series.push({ labels: each, ...points });
    if (pacer.isDue(steps + WORK_PER_SAMPLE)) await pacer.pause();
  }
  return { type: "matrix", series: await sortPaced(series, byLabels, pacer) };
}

/**
 * The times and values that are present: views if they have no gap between them, copies otherwise.
 */
function presentPoints(
  times: Float64Array,
  values: Float64Array,
  present: Uint8Array,
): Pick<MatrixSeries, "timestamps" | "values"> {
  const first = present.indexOf(1);
  if (first < 0) return { timestamps: times.subarray(0, 0), values: values.subarray(0, 0) };
  const end = present.lastIndexOf(1) + 1;
  if (!present.subarray(first, end).includes(0)) {
    return { timestamps: times.subarray(first, end), values: values.subarray(first, end) };
  }
  const keptTimes = new Float64Array(end - first);
  const keptValues = new Float64Array(end - first);
  let count = 0;
  for (let step = first; step < end; step++) {
    if (present[step] === 0) continue;
    keptTimes[count] = times[step] as number;
    keptValues[count++] = values[step] as number;
  }
  return { timestamps: keptTimes.subarray(0, count), values: keptValues.subarray(0, count) };
}

/** The raw samples, for an instant query of a range vector. */
export async function matrixOfRanges(
  selection: RangeSelection,
  pacer: Pacer,
): Promise<MatrixValue> {
  const series: MatrixSeries[] = [];
  for (const row of selection.rows()) {
    if (pacer.isDue(row.values.length + WORK_PER_SAMPLE)) await pacer.pause();
    if (selection.extension !== undefined) {
      series.push(...betweenEdges(row, selection, selection.extension));
      continue;
    }
    const { labels, timestamps, values, from, until } = row;
    const [first = 0, end = 0] = [from[0], until[0]];
    if (first === end) continue;
    // A copy of a few samples, so that they do not keep all others; a view of most, which takes no time.
    const isMost = (end - first) * 2 >= values.length;
    series.push({
      labels,
      timestamps: isMost ? timestamps.subarray(first, end) : timestamps.slice(first, end),
      values: isMost ? values.subarray(first, end) : values.slice(first, end),
    });
  }
  return { type: "matrix", series: await sortPaced(series, byLabels, pacer) };
}

const byLabels = (left: MatrixSeries, right: MatrixSeries): number =>
  Labels.compare(left.labels, right.labels);

/** An extended window has a sample at each edge, and the real samples between them. */
function betweenEdges(
  row: RangeRow,
  { ends, windowMs }: RangeSelection,
  extension: RangeExtension,
): MatrixSeries[] {
  const endMs = ends[0] as number;
  const startMs = endMs - windowMs;
  const edges = edgesOf(row, 0, { startMs, endMs, extension, isCounter: false });
  if (edges === undefined) return [];
  const timestamps = [startMs];
  const values = [edges.left];
  for (let index = edges.first; index <= edges.last; index++) {
    const timeMs = row.timestamps[index] as number;
    if (timeMs <= startMs || timeMs >= endMs) continue;
    timestamps.push(timeMs);
    values.push(row.values[index] as number);
  }
  timestamps.push(endMs);
  values.push(edges.right);
  return [
    {
      labels: row.labels,
      timestamps: Float64Array.from(timestamps),
      values: Float64Array.from(values),
    },
  ];
}
