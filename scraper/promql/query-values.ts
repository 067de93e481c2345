import { Labels } from "../../exporter/shared/model/labels.js";
import type { RangeSelection } from "./evaluation.js";
import type { Pacer } from "./pacer.js";
import type { MatrixSeries, MatrixValue, VectorSample, VectorValue } from "./query-results.js";
import { timeAt, type TimeGrid } from "./time-grid.js";
import { removeDroppedNames, type VectorBlock } from "./vector-block.js";

/** The answer to a query of one instant, in the order of evaluation. */
export function vectorOfBlock(block: VectorBlock, timestampMs: number): VectorValue {
  const { labels, values, present } = removeDroppedNames(block);
  const samples: VectorSample[] = [];
  for (let row = 0; row < labels.length; row++) {
    if (present[row] === 0) continue;
    samples.push({ labels: labels[row] as Labels, timestampMs, value: values[row] as number });
  }
  return { type: "vector", samples };
}

/** The answer to a range query, sorted by labels. Series present at every step share one column of times. */
export async function matrixOfBlock(block: VectorBlock, grid: TimeGrid, pacer: Pacer): Promise<MatrixValue> {
  const { steps, labels, values, present } = removeDroppedNames(block);
  const times = Float64Array.from({ length: grid.count }, (_, step) => timeAt(grid, step));
  const series: MatrixSeries[] = [];
  for (let row = 0; row < labels.length; row++) {
    const rowValues = values.subarray(row * steps, (row + 1) * steps);
    const rowPresent = present.subarray(row * steps, (row + 1) * steps);
    const isPresent = (_: number, step: number): boolean => rowPresent[step] === 1;
    if (rowPresent.includes(0)) {
      const timestamps = times.filter(isPresent);
      if (timestamps.length === 0) continue;
      series.push({ labels: labels[row] as Labels, timestamps, values: rowValues.filter(isPresent) });
    } else {
      series.push({ labels: labels[row] as Labels, timestamps: times, values: rowValues });
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  series.sort((left, right) => Labels.compare(left.labels, right.labels));
  return { type: "matrix", series };
}

/** The samples themselves, for an instant query of a range vector. */
export function matrixOfRanges(selection: RangeSelection): MatrixValue {
  const series: MatrixSeries[] = [];
  for (const { labels, timestamps, values, from, until } of selection.rows()) {
    const [first = 0, end = 0] = [from[0], until[0]];
    if (first === end) continue;
    series.push({ labels, timestamps: timestamps.slice(first, end), values: values.slice(first, end) });
  }
  series.sort((left, right) => Labels.compare(left.labels, right.labels));
  return { type: "matrix", series };
}
