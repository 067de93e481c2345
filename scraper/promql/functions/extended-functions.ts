import {
  resultTypeOf,
  withoutParentheses,
  type Call,
  type RangeExtension,
} from "../language/ast.js";
import type { RangeRow } from "../evaluation/evaluation.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { edgesOf, type WindowEdges } from "../evaluation/window-edges.js";
import type { WindowFunction } from "./window-function.js";

/**
 * Functions over extended windows. An `anchored` window also uses the last sample before its start.
 * A `smoothed` one uses values at its edges that are interpolated between the samples on both
 * sides. Nothing is extrapolated.
 */
const EXTENDED_FUNCTIONS: Readonly<Record<RangeExtension, ReadonlyMap<string, WindowFunction>>> = {
  anchored: new Map([
    [
      "changes",
      countPairs(
        (value, before) => value !== before && !(Number.isNaN(value) && Number.isNaN(before)),
      ),
    ],
    ["delta", changeBetweenEdges({ extension: "anchored", isCounter: false, isRate: false })],
    ["increase", changeBetweenEdges({ extension: "anchored", isCounter: true, isRate: false })],
    ["rate", changeBetweenEdges({ extension: "anchored", isCounter: true, isRate: true })],
    ["resets", countPairs((value, before) => value < before)],
  ]),
  smoothed: new Map([
    ["delta", changeBetweenEdges({ extension: "smoothed", isCounter: false, isRate: false })],
    ["increase", changeBetweenEdges({ extension: "smoothed", isCounter: true, isRate: false })],
    ["rate", changeBetweenEdges({ extension: "smoothed", isCounter: true, isRate: true })],
  ]),
};

/**
 * The function for a call over an extended range; undefined when its range is not extended.
 *
 * @throws {QueryExecutionError} when the function does not support the extension
 */
export function extendedFunctionOf({
  signature,
  arguments: given,
}: Call): WindowFunction | undefined {
  const range = given
    .map(withoutParentheses)
    .find((argument) => resultTypeOf(argument) === "matrix");
  const extension = range?.kind === "matrix_selector" ? range.selector.extension : undefined;
  if (extension === undefined) return undefined;
  const functions = EXTENDED_FUNCTIONS[extension];
  const apply = functions.get(signature.name);
  if (apply !== undefined) return apply;
  const allowed = [...functions.keys()].join(", ");
  throw new QueryExecutionError(
    `${extension} modifier can only be used with: ${allowed} - not with ${signature.name}`,
  );
}

interface EdgeChange {
  readonly extension: RangeExtension;
  readonly isCounter: boolean;
  readonly isRate: boolean;
}

function changeBetweenEdges({ extension, isCounter, isRate }: EdgeChange): WindowFunction {
  return (row, { values, present, offset }, { windowMs, ends }) =>
    (fromStep, untilStep) => {
      for (let step = fromStep; step < untilStep; step++) {
        const endMs = ends[step] as number;
        const edges = edgesOf(row, step, {
          startMs: endMs - windowMs,
          endMs,
          extension,
          isCounter,
        });
        if (edges === undefined) continue;
        const change =
          edges.right -
          edges.left +
          (isCounter ? lostByResets(row, edges, endMs - windowMs, endMs) : 0);
        values[offset + step] = isRate ? change / (windowMs / 1000) : change;
        present[offset + step] = 1;
      }
    };
}

/** The sum of the values that a counter had before its resets between the edges. */
function lostByResets(
  { timestamps, values }: RangeRow,
  edges: WindowEdges,
  startMs: number,
  endMs: number,
): number {
  const { left, right } = edges;
  const from = edges.first + ((timestamps[edges.first] as number) <= startMs ? 1 : 0);
  const until = edges.last + ((timestamps[edges.last] as number) >= endMs ? 0 : 1);
  let lost = 0;
  let before = left;
  for (let index = from; index < until; index++) {
    const value = values[index] as number;
    if (value < before) lost += before;
    before = value;
  }
  return right < before ? lost + before : lost;
}

/** Counts the pairs of neighbouring samples that satisfy a condition, starting with the anchor. */
function countPairs(counts: (value: number, before: number) => boolean): WindowFunction {
  return (row, { values, present, offset }, { windowMs, ends }) =>
    (fromStep, untilStep) => {
      for (let step = fromStep; step < untilStep; step++) {
        const endMs = ends[step] as number;
        const window = {
          startMs: endMs - windowMs,
          endMs,
          extension: "anchored",
          isCounter: false,
        } as const;
        const edges = edgesOf(row, step, window);
        if (edges === undefined) continue;
        let count = 0;
        for (let index = edges.first + 1; index <= edges.last; index++) {
          if (counts(row.values[index] as number, row.values[index - 1] as number)) count++;
        }
        values[offset + step] = count;
        present[offset + step] = 1;
      }
    };
}
