import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { printable } from "../../../exporter/shared/model/shown-text.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { getData, type MasterAddress } from "./master-client.js";
import { chartDots, type ChartFrame, renderChart } from "./terminal-chart.js";

type Point = readonly [seconds: number, value: string];

export interface ResultSeries {
  readonly metric: Record<string, string>;
  readonly value?: Point | undefined;
  readonly values?: readonly Point[] | undefined;
}

/** The terminal or pipe that shows the answer. */
export interface Display {
  readonly columns: number;
  readonly isTerminal: boolean;
}

/** For files and pipes. */
const PLAIN: Display = { columns: 80, isTerminal: false };

/** `pihealth query`: one line per series, or a chart when there is a range. */
export async function runQuery(
  master: MasterAddress,
  expression: string,
  options: { range?: string; time?: string },
  display: Display = PLAIN,
): Promise<string[]> {
  if (options.range === undefined) {
    const time = options.time === undefined ? {} : { time: options.time };
    return formatInstant(await getData(master, "/api/v1/query", { query: expression, ...time }));
  }
  const rangeMs = parseDurationMs(options.range);
  if (rangeMs <= 0)
    throw new BadInputError(
      `Cannot query a range of "${options.range}": it must be longer than 0s`,
    );
  const endMs = endOf(options.time);
  const stepSeconds = Math.max(1, Math.ceil(rangeMs / 1000 / chartDots(display.columns)));
  const data = await getData(master, "/api/v1/query_range", {
    query: expression,
    start: String((endMs - rangeMs) / 1000),
    end: String(endMs / 1000),
    step: String(stepSeconds),
  });
  const frame = { fromMs: endMs - rangeMs, toMs: endMs, stepMs: stepSeconds * 1000, ...display };
  return formatMatrix(data.objects("result").map(decodeSeries), frame);
}

function endOf(time: string | undefined): number {
  if (time === undefined) return systemClock.wallMs();
  const endMs = /^[\d.]+$/.test(time) ? Number(time) * 1000 : Date.parse(time);
  if (Number.isFinite(endMs)) return endMs;
  throw new BadInputError(
    `Cannot query until "${time}": it is not a time, it must be seconds since the epoch or RFC 3339`,
  );
}

function decodeSeries(series: JsonFields): ResultSeries {
  return {
    metric: series.textMap("metric"),
    value: series.optional("value", (key) => decodePoint(series.list(key))),
    values: series.optional("values", (key) => series.lists(key).map(decodePoint)),
  };
}

const decodePoint = (point: JsonFields): Point => [point.number(0), point.text(1)];

function formatInstant(data: JsonFields): string[] {
  const resultType = data.text("resultType");
  if (resultType === "scalar" || resultType === "string") {
    return [printable(decodePoint(data.list("result"))[1])];
  }
  const series = data.objects("result").map(decodeSeries);
  if (resultType === "matrix") return series.flatMap(formatSamples);
  return alignColumns(series.map(({ metric, value }) => [formatLabels(metric), value?.[1] ?? ""]));
}

/** The samples of a range selector, each with its time. */
function formatSamples({ metric, values = [] }: ResultSeries): string[] {
  const rows = values.map(([seconds, value]) => [
    `  ${new Date(seconds * 1000).toISOString()}`,
    value,
  ]);
  return [formatLabels(metric), ...alignColumns(rows)];
}

/** Draws the answer to a range query. */
export function formatMatrix(
  series: readonly ResultSeries[],
  frame: Omit<ChartFrame, "formatTime">,
): string[] {
  const courses = series.map(({ metric, values = [] }) => ({
    name: formatLabels(metric),
    timestamps: values.map(([seconds]) => seconds * 1000),
    values: values.map(([, value]) => Number(value)),
  }));
  if (courses.length === 0) return ["no series"];
  return renderChart(courses, {
    ...frame,
    formatTime: frame.toMs - frame.fromMs > DAY_MS ? formatDay : formatMinute,
  });
}

const DAY_MS = 86_400_000;
const two = (value: number): string => String(value).padStart(2, "0");
const formatMinute = (timeMs: number): string =>
  `${two(new Date(timeMs).getHours())}:${two(new Date(timeMs).getMinutes())}`;
const formatDay = (timeMs: number): string =>
  `${two(new Date(timeMs).getMonth() + 1)}-${two(new Date(timeMs).getDate())} ${formatMinute(timeMs)}`;

const formatLabels = (metric: Record<string, string>): string =>
  printable(Labels.of(metric).toString());

/** Pads each column but the last to its widest cell. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  "),
  );
}
