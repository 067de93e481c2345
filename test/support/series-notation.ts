import { Labels, METRIC_NAME, type LabelPair } from "../../exporter/shared/model/labels.js";
import { scanString } from "../../scraper/base/go-string.js";
import type { MemorySample } from "./memory-querier.js";

/** A line such as `up{job="pi"} 1 1 stale _ 0+1x3`: a series and its values at equal intervals. */
export interface SeriesLine {
  readonly labels: Labels;
  readonly values: readonly MemorySample[];
  /**
   * True when the line has a native histogram, which this project does not store. `values` has a
   * gap in its place.
   */
  readonly hasNativeHistograms: boolean;
}

export function parseSeriesLine(line: string): SeriesLine {
  const { labels, end } = parseMetric(line);
  const hasNativeHistograms = line.slice(end).includes("{{");
  const values = splitValues(line.slice(end)).flatMap((item) => expandValues(item));
  return { labels, values, hasNativeHistograms };
}

/** Reads the label set at the start of a line. */
export function parseMetric(line: string): { labels: Labels; end: number } {
  const name = /^[a-zA-Z_:][\w:]*/.exec(line)?.[0] ?? "";
  const pairs: LabelPair[] = name === "" ? [] : [[METRIC_NAME, name]];
  let at = name.length;
  while (line[at] === " " && line[at + 1] === "{") at++;
  if (line[at] !== "{" || line[at + 1] === "{") return { labels: Labels.of(pairs), end: at };
  for (at++; line[at] !== "}";) {
    const label = readLabelName(line, at);
    const equals = /^\s*=\s*/.exec(line.slice(label.end))?.[0];
    if (equals === undefined) {
      pairs.push([METRIC_NAME, label.value]); // A quoted text without a value is the name of the metric.
      at = label.end;
    } else {
      const value = readQuoted(line, label.end + equals.length);
      pairs.push([label.value, value.value]);
      at = value.end;
    }
    while (line[at] === " " || line[at] === ",") at++;
  }
  return { labels: Labels.of(pairs), end: at + 1 };
}

interface Piece {
  readonly value: string;
  readonly end: number;
}

/** A word, or a quoted text. */
function readLabelName(line: string, start: number): Piece {
  const at = start + (/^[\s,]*/.exec(line.slice(start))?.[0].length ?? 0);
  const word = /^[\w.]+/.exec(line.slice(at))?.[0];
  return word === undefined ? readQuoted(line, at) : { value: word, end: at + word.length };
}

function readQuoted(line: string, at: number): Piece {
  const text = `"'\``.includes(line[at] ?? " ")
    ? scanString(line, at)
    : { problem: `unexpected text at ${at}` };
  if ("problem" in text) throw new Error(`Cannot read labels of "${line}": ${text.problem}`);
  return text;
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
  if (match === null)
    throw new Error(`Cannot read value "${item}": it must be a number, _, stale or a sequence`);
  const [, start = "", sign = "+", step = "0"] = match;
  const difference = parseFloatText(step) * (sign === "-" ? -1 : 1);
  const values: number[] = [];
  for (let index = 0, value = parseFloatText(start); index <= times; index++, value += difference)
    values.push(value);
  return values;
}

/** Numbers in Go's notation: `Inf`, `-inf`, `NaN`, `1e-6`. */
export function parseFloatText(text: string): number {
  const lower = text.toLowerCase();
  if (/^[-+]?inf$/.test(lower)) return lower.startsWith("-") ? -Infinity : Infinity;
  return lower === "nan" ? NaN : Number(text);
}
