import { Labels, METRIC_NAME, type LabelPair } from "../../exporter/shared/model/labels.js";
import { scanString } from "../../scraper/promql/string-scanner.js";
import type { MemorySample } from "./memory-querier.js";

/** A line such as `up{job="pi"} 1 1 stale _ 0+1x3`: a series and its values at equal distances. */
export interface SeriesLine {
  readonly labels: Labels;
  readonly values: readonly MemorySample[];
  /** Holds a native histogram, which this project does not store; `values` has gaps in their places. */
  readonly hasNativeHistograms: boolean;
}

export function parseSeriesLine(line: string): SeriesLine {
  const { labels, end } = parseMetric(line);
  const hasNativeHistograms = line.slice(end).includes("{{");
  const values = splitValues(line.slice(end)).flatMap((item) => expandValues(item));
  return { labels, values, hasNativeHistograms };
}

/** Reads the label set that a line begins with. */
export function parseMetric(line: string): { labels: Labels; end: number } {
  const name = /^[a-zA-Z_:][\w:]*/.exec(line)?.[0] ?? "";
  const pairs: LabelPair[] = name === "" ? [] : [[METRIC_NAME, name]];
  let at = name.length;
  while (line[at] === " " && line[at + 1] === "{") at++;
  if (line[at] !== "{" || line[at + 1] === "{") return { labels: Labels.of(pairs), end: at };
  for (at++; line[at] !== "}"; ) {
    const label = /^[\s,]*([\w.]+)\s*=\s*/.exec(line.slice(at));
    if (label === null) throw new Error(`Cannot read labels of "${line}": unexpected text at ${at}`);
    const value = scanString(line, at + label[0].length);
    if ("problem" in value) throw new Error(`Cannot read labels of "${line}": ${value.problem}`);
    pairs.push([label[1] as string, value.value]);
    at = value.end;
    while (line[at] === " " || line[at] === ",") at++;
  }
  return { labels: Labels.of(pairs), end: at + 1 };
}

const splitValues = (text: string): string[] => text.match(/(?:\{\{.*?\}\}|[^\s{])+/g) ?? [];

const NUMBER = "[-+]?(?:inf|nan|(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?)";
const REPEATED = new RegExp(`^(${NUMBER})(?:([-+])(${NUMBER}))?(?:x(\\d+))?$`, "i");

function expandValues(item: string): MemorySample[] {
  const times = Number(/x(\d+)$/.exec(item)?.[1] ?? 0);
  if (item.startsWith("_")) return new Array<MemorySample>(Math.max(1, times)).fill(undefined);
  if (item === "stale") return ["stale"];
  if (item.startsWith("{{")) return new Array<MemorySample>(times + 1).fill(undefined);
  const match = REPEATED.exec(item);
  if (match === null) throw new Error(`Cannot read value "${item}": it must be a number, _, stale or a sequence`);
  const [, start = "", sign = "+", step = "0"] = match;
  const difference = parseFloatText(step) * (sign === "-" ? -1 : 1);
  const values: number[] = [];
  for (let index = 0, value = parseFloatText(start); index <= times; index++, value += difference) values.push(value);
  return values;
}

/** Numbers as Go writes them: `Inf`, `-inf`, `NaN`, `1e-6`. */
export function parseFloatText(text: string): number {
  const lower = text.toLowerCase();
  if (/^[-+]?inf$/.test(lower)) return lower.startsWith("-") ? -Infinity : Infinity;
  return lower === "nan" ? NaN : Number(text);
}
