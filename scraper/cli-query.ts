import { BadInputError } from "../exporter/shared/model/errors.js";
import { parseDurationMs } from "../exporter/shared/model/duration.js";
import { Labels } from "../exporter/shared/model/labels.js";
import { systemClock } from "../exporter/shared/platform/clock.js";
import { getData, type MasterAddress } from "./cli-api-client.js";

type Point = readonly [seconds: number, value: string];

interface QueryData {
  readonly resultType: string;
  readonly result: unknown;
}

interface ResultSeries {
  readonly metric: Record<string, string>;
  readonly value?: Point;
  readonly values?: readonly Point[];
}

const CHART_COLUMNS = 60;
const CHART_LEVELS = "▁▂▃▄▅▆▇█";

/** `pihealth query`: one line per series; with a range, a small chart of each. */
export async function runQuery(
  master: MasterAddress,
  expression: string,
  options: { range?: string; time?: string },
): Promise<string[]> {
  if (options.range === undefined) {
    const time = options.time === undefined ? {} : { time: options.time };
    return formatInstant((await getData(master, "/api/v1/query", { query: expression, ...time })) as QueryData);
  }
  const rangeMs = parseDurationMs(options.range);
  if (rangeMs <= 0) throw new BadInputError(`Cannot query a range of "${options.range}": it must be longer than 0s`);
  const endMs = systemClock.wallMs();
  const data = await getData(master, "/api/v1/query_range", {
    query: expression,
    start: String((endMs - rangeMs) / 1000),
    end: String(endMs / 1000),
    step: String(Math.max(1, Math.round(rangeMs / 1000 / CHART_COLUMNS))),
  });
  return (data as { result: ResultSeries[] }).result.map((series) => formatChart(series));
}

function formatInstant({ resultType, result }: QueryData): string[] {
  if (resultType === "scalar" || resultType === "string") return [printable((result as Point)[1])];
  const series = result as ResultSeries[];
  if (resultType === "matrix") return series.map((one) => formatChart(one));
  return alignColumns(series.map(({ metric, value }) => [formatLabels(metric), value?.[1] ?? ""]));
}

function formatChart({ metric, values = [] }: ResultSeries): string {
  const numbers = values.map(([, value]) => Number(value));
  const finite = numbers.filter(Number.isFinite);
  if (finite.length === 0) return `${formatLabels(metric)}  no finite value`;
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const bars = numbers.slice(-CHART_COLUMNS - 1).map((value) => barFor(value, low, high));
  const last = numbers.at(-1) ?? Number.NaN;
  return `${formatLabels(metric)}\n  ${bars.join("")}  min ${short(low)}  max ${short(high)}  last ${short(last)}`;
}

function barFor(value: number, low: number, high: number): string {
  if (!Number.isFinite(value)) return " ";
  const level = high === low ? 0 : Math.round(((value - low) / (high - low)) * (CHART_LEVELS.length - 1));
  return CHART_LEVELS[level] as string;
}

const short = (value: number): string => String(Number(value.toPrecision(5)));
const formatLabels = (metric: Record<string, string>): string => printable(Labels.of(metric).toString());

/** Label values come from the network: control and direction characters must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`;
  });
}

/** Pads all columns but the last to the width of the widest cell. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [column, cell] of row.entries()) {
    widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  "),
  );
}
