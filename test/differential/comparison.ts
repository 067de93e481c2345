import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import {
  parseQueryResponse,
  type Point,
  type QueryResponse,
  seriesIn,
} from "../support/api-response.js";
import { DATA_START_MS } from "./data-set.js";

/** An instant query or a range query. */
export interface Question {
  readonly expression: string;
  readonly kind: "instant" | "range";
}

const START_SECONDS = DATA_START_MS / 1000;
/** In seconds; a multiple of neither a step nor a window: see expression-generator.ts. */
const INSTANT = String(START_SECONDS + 50 * 60 + 7);
/** The last step is before the end, so `@ end()` and the time of the last step differ. */
const RANGE = {
  start: String(START_SECONDS + 20 * 60 + 7),
  end: String(START_SECONDS + 65 * 60 + 7),
  step: "170",
};

export async function ask(url: string, { expression, kind }: Question): Promise<QueryResponse> {
  const path = kind === "instant" ? "/api/v1/query" : "/api/v1/query_range";
  const times = kind === "instant" ? { time: INSTANT } : RANGE;
  const response = await fetch(url + path, {
    method: "POST",
    body: new URLSearchParams({ query: expression, ...times }),
  });
  return parseQueryResponse(await response.text());
}

/** @returns a description of the difference, or undefined when the answers are equal */
export function compareAnswers(ours: QueryResponse, theirs: QueryResponse): string | undefined {
  if (ours.status !== theirs.status) return `ours ${describe(ours)}, theirs ${describe(theirs)}`;
  if (ours.status === "error") {
    return ours.errorType === theirs.errorType
      ? undefined
      : `ours ${describe(ours)}, theirs ${describe(theirs)}`;
  }
  const [our, their] = [ours.data, theirs.data];
  if (our?.resultType !== their?.resultType)
    return `ours of type ${our?.resultType}, theirs ${their?.resultType}`;
  if (our?.resultType === "scalar" && their?.resultType === "scalar")
    return comparePoints(our.result, their.result);
  return compareSeries(pointsBySeries(ours), pointsBySeries(theirs));
}

const describe = ({ status, errorType, error }: QueryResponse): string =>
  status === "success" ? "succeeds" : `fails with ${errorType}: ${error}`;

function pointsBySeries(response: QueryResponse): Map<string, readonly Point[]> {
  const found = new Map<string, readonly Point[]>();
  for (const { metric, points } of seriesIn(response)) {
    const key = JSON.stringify(
      Object.entries(metric).sort(([left], [right]) => (left < right ? -1 : 1)),
    );
    found.set(key, points);
  }
  return found;
}

function compareSeries(
  ours: ReadonlyMap<string, readonly Point[]>,
  theirs: ReadonlyMap<string, readonly Point[]>,
): string | undefined {
  for (const key of ours.keys()) if (!theirs.has(key)) return `only ours has ${key}`;
  for (const [key, points] of theirs) {
    const own = ours.get(key);
    if (own === undefined) return `only theirs has ${key}`;
    if (own.length !== points.length)
      return `${key}: ours has ${own.length} points, theirs ${points.length}`;
    for (const [index, point] of points.entries()) {
      const difference = comparePoints(itemAt(own, index), point);
      if (difference !== undefined) return `${key}: ${difference}`;
    }
  }
  return undefined;
}

const RELATIVE_TOLERANCE = 1e-9;
/** Sums of values near one that cancel out leave only their rounding errors. */
const ABSOLUTE_TOLERANCE = 1e-14;

function comparePoints(
  [ourTime, ourText]: Point,
  [theirTime, theirText]: Point,
): string | undefined {
  if (ourTime !== theirTime) return `ours at ${ourTime}, theirs at ${theirTime}`;
  if (ourText === theirText) return undefined;
  const [ours, theirs] = [
    Number(ourText.replace("Inf", "Infinity")),
    Number(theirText.replace("Inf", "Infinity")),
  ];
  const distance = Math.abs(ours - theirs);
  const isNear = distance <= RELATIVE_TOLERANCE * Math.max(Math.abs(ours), Math.abs(theirs));
  return isNear || distance <= ABSOLUTE_TOLERANCE
    ? undefined
    : `at ${ourTime} ours ${ourText}, theirs ${theirText}`;
}
