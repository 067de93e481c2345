import type { Labels } from "../../exporter/shared/model/labels.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { QueryEngine } from "../../scraper/promql/query/query-engine.js";
import type { QueryAnswer, QueryValue } from "../../scraper/promql/evaluation/query-results.js";
import { scanString } from "../../scraper/base/go-string.js";
import { parseFloatText, parseSeriesLine } from "../support/series-notation.js";
import { scriptTimeMs, type Expectation, type ScriptCase } from "./promql-script.js";

/**
 * Evaluates a case.
 *
 * @returns a description of the difference to the expected result, or undefined
 */
export async function checkCase(
  scriptCase: ScriptCase,
  engine: QueryEngine,
): Promise<string | undefined> {
  const failure = scriptCase.expectations.find(({ kind }) => kind === "fail");
  let answer: QueryAnswer;
  try {
    answer = await ask(scriptCase, engine);
  } catch (error) {
    return failure === undefined
      ? `fails: ${messageOf(error)}`
      : checkMessage(failure, [messageOf(error)]);
  }
  if (failure !== undefined) return "succeeds, it must fail";
  const problem = checkAnnotations(scriptCase, answer) ?? checkValue(scriptCase, answer.value);
  return problem ?? (await checkAsMiddleOfRange(scriptCase, answer.value, engine));
}

function ask(
  { expression, fromMs, toMs, stepMs }: ScriptCase,
  engine: QueryEngine,
): Promise<QueryAnswer> {
  if (stepMs === undefined) return engine.instant({ expression, timeMs: fromMs });
  return engine.range({ expression, fromMs, toMs, stepMs });
}

function checkAnnotations(
  { expectations }: ScriptCase,
  { warnings, infos }: QueryAnswer,
): string | undefined {
  for (const expectation of expectations) {
    const { kind } = expectation;
    if (kind === "no_warn" && warnings.length > 0) return `warns: ${warnings.join("; ")}`;
    if (kind === "no_info" && infos.length > 0) return `informs: ${infos.join("; ")}`;
    if (kind !== "warn" && kind !== "info") continue;
    const problem = checkMessage(expectation, kind === "warn" ? warnings : infos);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkMessage(
  { kind, message, pattern }: Expectation,
  texts: readonly string[],
): string | undefined {
  const isWanted = (text: string): boolean =>
    message !== undefined ? text === message : pattern === undefined || pattern.test(text);
  if (texts.some(isWanted)) return undefined;
  return `expected ${kind} ${message ?? pattern?.source ?? ""}, got ${JSON.stringify(texts)}`;
}

function checkValue(scriptCase: ScriptCase, value: QueryValue): string | undefined {
  const text = scriptCase.expectations.find(({ kind }) => kind === "string")?.text;
  if (text !== undefined) {
    const wanted = scanString(text, 0);
    if (value.type === "string" && "value" in wanted && wanted.value === value.value)
      return undefined;
    return `expected string ${text}, got ${describeValue(value)}`;
  }
  const scalar = scriptCase.results[0];
  if (scalar !== undefined && /^[-+]?(?:[\d.]|inf|nan)/i.test(scalar)) {
    if (value.type === "scalar" && isAlmostEqual(value.value, parseFloatText(scalar)))
      return undefined;
    return `expected scalar ${scalar}, got ${describeValue(value)}`;
  }
  return compareSeries(expectedSeries(scriptCase), actualSeries(value), scriptCase);
}

type Points = ReadonlyMap<number, number>;
interface ExpectedSeries {
  readonly labels: Labels;
  readonly points: Points;
}

function expectedSeries(scriptCase: ScriptCase): ExpectedSeries[] {
  const { fromMs, stepMs } = rangeVectorOf(scriptCase) ?? scriptCase;
  return scriptCase.results.map((line) => {
    const { labels, values } = parseSeriesLine(line);
    const points = new Map<number, number>();
    for (const [index, value] of values.entries()) {
      if (typeof value === "number") points.set(fromMs + index * (stepMs ?? 0), value);
    }
    return { labels, points };
  });
}

function rangeVectorOf({
  expectations,
}: ScriptCase): { fromMs: number; stepMs: number } | undefined {
  const text = expectations.find(({ kind }) => kind === "range")?.text ?? "";
  const match = /^vector from (\S+) to (\S+) step (\S+)$/.exec(text);
  if (match === null) return undefined;
  const [, from = "", , step = ""] = match;
  return { fromMs: scriptTimeMs(from), stepMs: scriptTimeMs(step) };
}

function actualSeries(value: QueryValue): ExpectedSeries[] {
  switch (value.type) {
    case "vector":
      return value.samples.map((sample) => ({
        labels: sample.labels,
        points: new Map([[sample.timestampMs, sample.value]]),
      }));
    case "matrix":
      return value.series.map(({ labels, timestamps, values }) => ({
        labels,
        points: new Map(
          Array.from(timestamps, (timeMs, index) => [timeMs, values[index] as number]),
        ),
      }));
    case "scalar":
    case "string":
      return [];
  }
}

function compareSeries(
  expected: readonly ExpectedSeries[],
  actual: readonly ExpectedSeries[],
  { expectations }: Pick<ScriptCase, "expectations">,
): string | undefined {
  const wanted = expected.filter(({ points }) => points.size > 0);
  const difference = `expected ${describeSeries(wanted)}, got ${describeSeries(actual)}`;
  if (wanted.length !== actual.length) return difference;
  const isOrdered = expectations.some(({ kind }) => kind === "ordered");
  for (const [index, each] of wanted.entries()) {
    const other = isOrdered
      ? actual[index]
      : actual.find(({ labels }) => labels.key === each.labels.key);
    if (other?.labels.key !== each.labels.key || !hasSamePoints(each.points, other.points))
      return difference;
  }
  return undefined;
}

function hasSamePoints(expected: Points, actual: Points): boolean {
  if (expected.size !== actual.size) return false;
  return [...expected].every(([timeMs, value]) => {
    const other = actual.get(timeMs);
    return other !== undefined && isAlmostEqual(other, value);
  });
}

/**
 * Checks that a range query has the same result at the time of an instant query. Does not apply to
 * `ordered`.
 */
async function checkAsMiddleOfRange(
  { expression, fromMs, stepMs, expectations }: ScriptCase,
  value: QueryValue,
  engine: QueryEngine,
): Promise<string | undefined> {
  const isAboutQuery = /\b(step|range|start|end)\(\)/.test(expression);
  if (stepMs !== undefined || value.type !== "vector" || isAboutQuery) return undefined;
  if (expectations.some(({ kind }) => kind === "ordered")) return undefined;
  const range = { expression, fromMs: fromMs - 60_000, toMs: fromMs + 60_000, stepMs: 60_000 };
  const { value: matrix } = await engine.range(range);
  const atInstant = actualSeries(matrix).flatMap(({ labels, points }) => {
    const point = points.get(fromMs);
    return point === undefined ? [] : [{ labels, points: new Map([[fromMs, point]]) }];
  });
  const problem = compareSeries(actualSeries(value), atInstant, { expectations: [] });
  return problem === undefined ? undefined : `in the middle of a range: ${problem}`;
}

const EPSILON = 1e-6;
const MIN_NORMAL = 2.2250738585072014e-308;

function isAlmostEqual(left: number, right: number): boolean {
  if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return true;
  const difference = Math.abs(left - right);
  const sum = Math.abs(left) + Math.abs(right);
  if (left === 0 || right === 0 || sum < MIN_NORMAL) return difference < EPSILON * MIN_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < EPSILON;
}

const describeValue = (value: QueryValue): string =>
  value.type === "scalar" || value.type === "string"
    ? String(value.value)
    : describeSeries(actualSeries(value));

const describePoints = (points: Points): string =>
  [...points].map(([timeMs, value]) => `${value}@${timeMs}`).join(" ");
const describeSeries = (series: readonly ExpectedSeries[]): string =>
  `[${series.map(({ labels, points }) => `${labels.toString()} ${describePoints(points)}`).join("; ")}]`;
