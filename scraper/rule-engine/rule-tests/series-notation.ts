/**
 * The notation of series in rule unit tests: `metric{label="value"}` and values such as `0+1x10 _
 * stale 5x3 _x2`.
 *
 * `a+bxn` stands for a and n further values, each larger by b. `axn` stands for a and n copies of
 * it. `_` stands for no sample.
 */
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { Labels, METRIC_NAME, type LabelPair } from "../../../exporter/shared/model/labels.js";
import { goUnquote } from "../../base/go-string.js";

/** Most values of one notation, including repetitions. */
export const MAX_NOTATION_VALUES = 1_000_000;

export type NotationValue = number | "missing" | "stale";

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+|[iI]nf|NaN)`;
const VALUE = new RegExp(`^(${NUMBER})(?:([+-])(${NUMBER.slice(5)}))?(?:x(\\d+))?$`);

/** @throws {BadInputError} */
export function parseSeriesValues(text: string): NotationValue[] {
  const values: NotationValue[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    for (const value of parseWord(word)) values.push(value);
    if (values.length > MAX_NOTATION_VALUES) {
      throw invalid(text, `has more than ${MAX_NOTATION_VALUES} values`);
    }
  }
  return values;
}

function parseWord(word: string): NotationValue[] {
  if (word === "stale") return ["stale"];
  const missing = /^_(?:x(\d+))?$/.exec(word);
  if (missing !== null) {
    return Array<NotationValue>(countOf(word, missing[1] ?? "1")).fill("missing");
  }
  const [, start, sign, step, times] = VALUE.exec(word) ?? [];
  if (start === undefined) {
    throw invalid(word, "is no value, it must be a number, a+bxn, a-bxn, axn, _, _xn or stale");
  }
  if (sign !== undefined && times === undefined) {
    throw invalid(word, "has a step without a count, it must end in xn");
  }
  const first = parseFloatText(start);
  const change = step === undefined ? 0 : parseFloatText(step) * (sign === "-" ? -1 : 1);
  return Array.from({ length: countOf(word, times ?? "0") + 1 }, (_, index) =>
    index === 0 ? first : first + change * index,
  );
}

function countOf(word: string, digits: string): number {
  const count = Number(digits);
  if (count >= MAX_NOTATION_VALUES) {
    throw invalid(word, `repeats too often, it must be less than ${MAX_NOTATION_VALUES} times`);
  }
  return count;
}

/** @throws {BadInputError} */
export function parseFloatText(text: string): number {
  const infinite = /^([+-]?)\.?inf$/i.exec(text);
  if (infinite !== null) {
    return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (/^\.?nan$/i.test(text)) return Number.NaN;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw invalid(text, "is no number");
  return value;
}

const NAME = /\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*/y;
const PAIR =
  /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`)\s*([,}])/y;
const END = /\s*\}\s*$/y;

/**
 * Reads `metric{a="b"}`, `{a="b"}`, `metric` or `{}`.
 *
 * @throws {BadInputError}
 */
export function parseSeriesLabels(text: string): Labels {
  NAME.lastIndex = 0;
  const match = NAME.exec(text);
  const pairs: LabelPair[] = [[METRIC_NAME, match?.[1] ?? ""]];
  const at = match?.[0].length ?? 0;
  if (at === text.length && match?.[1] !== undefined) return Labels.of(pairs);
  if (text[at] !== "{") {
    throw invalid(text, 'is no series, it must be like metric{label="value"}');
  }
  readPairs(text, at + 1, pairs);
  return Labels.of(pairs);
}

function readPairs(text: string, from: number, pairs: LabelPair[]): void {
  for (let at = from; ;) {
    END.lastIndex = at;
    if (END.test(text)) return;
    PAIR.lastIndex = at;
    const pair = PAIR.exec(text);
    const [, name = "", quoted = "", end] = pair ?? [];
    const value = pair === null ? undefined : goUnquote(quoted);
    if (value === undefined) {
      throw invalid(text, `has no label at character ${at + 1}, it must be like a="b"`);
    }
    pairs.push([name, value]);
    // END reads the closing brace again.
    at = PAIR.lastIndex - (end === "}" ? 1 : 0);
  }
}

function invalid(text: string, detail: string): BadInputError {
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return new BadInputError(`Cannot read series notation "${shown}": it ${detail}`);
}
