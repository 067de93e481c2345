import { isUtf8 } from "node:buffer";
import { Labels, METRIC_NAME, type LabelPair } from "../../model/labels.js";
import { errorAt, errorWith, MAX_LABELS } from "./exposition-parser-error.js";

/** `openmetrics` has no optional white space, and exactly one comma between labels. */
export type ExpositionFormat = "text" | "openmetrics";

const LINE_FEED = 10;
const SPACE = 32;
const TAB = 9;
const QUOTE = 34;
const COMMA = 44;
const EQUALS = 61;
const BACKSLASH = 92;
const CLOSING_BRACE = 125;
const MAX_ASCII = 127;

const NAME_START = 1;
const NAME_PART = 2;
const METRIC_NAME_START = 4;
const METRIC_NAME_PART = 8;

/** The role of each byte in a name. */
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[a-zA-Z_]/.test(character))
    return NAME_START | NAME_PART | METRIC_NAME_START | METRIC_NAME_PART;
  if (/[0-9]/.test(character)) return NAME_PART | METRIC_NAME_PART;
  return character === ":" ? METRIC_NAME_START | METRIC_NAME_PART : 0;
});

/** Position after the label name at `start`; `start` itself when there is none. */
export function endOfLabelName(body: Uint8Array, start: number): number {
  return endOfName(body, start, NAME_START, NAME_PART);
}

/**
 * Position after the metric name at `start`, which may contain colons; `start` itself when there is
 * none.
 */
export function endOfMetricName(body: Uint8Array, start: number): number {
  return endOfName(body, start, METRIC_NAME_START, METRIC_NAME_PART);
}

function endOfName(body: Uint8Array, start: number, startBit: number, partBit: number): number {
  if (((NAME_BYTES[body[start] as number] as number) & startBit) === 0) return start;
  let position = start + 1;
  while (((NAME_BYTES[body[position] as number] as number) & partBit) !== 0) position++;
  return position;
}

export function skipBlanks(body: Uint8Array, start: number): number {
  let position = start;
  while (body[position] === SPACE || body[position] === TAB) position++;
  return position;
}

/** Labels as written, including what `Labels` cannot hold. */
export interface WrittenLabels {
  /** With `__name__`, without empty values. */
  readonly labels: Labels;
  /** Names with an empty value; nearly always empty. */
  readonly emptyNames: readonly string[];
}

const NO_NAMES: readonly string[] = [];

/**
 * Reads the text between braces. One object serves many samples: it holds the positions of the last
 * one.
 */
export class LabelScanner {
  /**
   * Four positions per label: start and end of the name, start and end of the value, without
   * quotes.
   */
  private readonly places = new Int32Array(4 * MAX_LABELS);
  private count = 0;
  /** A metric name written inside the braces, in quotes. */
  private quotedNameFrom = -1;
  private quotedNameUntil = -1;

  constructor(
    private readonly body: Buffer,
    private readonly format: ExpositionFormat,
  ) {}

  get hasQuotedName(): boolean {
    return this.quotedNameFrom >= 0;
  }

  clear(): void {
    this.count = 0;
    this.quotedNameFrom = -1;
  }

  /**
   * @param start first byte after `{`
   * @returns the position after `}`
   */
  scan(start: number): number {
    this.clear();
    let position = this.skip(start);
    for (;;) {
      if (this.body[position] === CLOSING_BRACE) {
        if (this.format === "openmetrics" && this.count > 0 && this.body[position - 1] === COMMA) {
          throw errorAt(this.body, position, "a label after the comma");
        }
        return position + 1;
      }
      position = this.skip(this.scanItem(position));
      if (this.body[position] === COMMA) position = this.skip(position + 1);
      else if (this.format === "openmetrics" && this.body[position] !== CLOSING_BRACE) {
        throw errorAt(this.body, position, 'a comma or "}"');
      }
    }
  }

  /** @returns the labels found last, with `metricName` unless a quoted name is among them */
  read(metricName: string): WrittenLabels {
    const name = this.hasQuotedName
      ? this.text(this.quotedNameFrom, this.quotedNameUntil)
      : metricName;
    const pairs: LabelPair[] = name === "" ? [] : [[METRIC_NAME, name]];
    let emptyNames: string[] | undefined;
    for (let place = 0; place < this.count * 4; place += 4) {
      const nameFrom = this.places[place] as number;
      const label = this.text(nameFrom, this.places[place + 1] as number);
      const value = this.text(this.places[place + 2] as number, this.places[place + 3] as number);
      if (!insertSorted(pairs, [label, value])) {
        throw errorWith(
          this.body,
          nameFrom,
          `label name "${label}" is given twice, it must be unique`,
        );
      }
      if (value === "") (emptyNames ??= []).push(label);
    }
    // An array that grew has spare capacity. These arrays are kept by the million, so they are
    // copied to size.
    const labels = emptyNames === undefined ? Labels.ofSorted(pairs.slice()) : Labels.of(pairs);
    return { labels, emptyNames: emptyNames ?? NO_NAMES };
  }

  /**
   * One label, or the quoted metric name.
   *
   * @returns the position after it
   */
  private scanItem(start: number): number {
    const quoted = this.body[start] === QUOTE;
    const nameFrom = quoted ? start + 1 : start;
    const nameUntil = quoted ? this.endOfQuoted(nameFrom) : endOfLabelName(this.body, start);
    if (nameUntil === nameFrom) throw errorAt(this.body, start, "a label name");
    const afterName = this.skip(quoted ? nameUntil + 1 : nameUntil);
    if (this.body[afterName] !== EQUALS) {
      if (!quoted) throw errorAt(this.body, afterName, '"=" after the label name');
      if (this.hasQuotedName) throw errorAt(this.body, start, "the only metric name of the sample");
      this.quotedNameFrom = nameFrom;
      this.quotedNameUntil = nameUntil;
      return afterName;
    }
    const opening = this.skip(afterName + 1);
    if (this.body[opening] !== QUOTE)
      throw errorAt(this.body, opening, "a label value in double quotes");
    const valueUntil = this.endOfQuoted(opening + 1);
    if (this.count === MAX_LABELS) throw errorAt(this.body, start, `at most ${MAX_LABELS} labels`);
    this.keep(nameFrom, nameUntil, opening + 1, valueUntil);
    return valueUntil + 1;
  }

  private keep(nameFrom: number, nameUntil: number, valueFrom: number, valueUntil: number): void {
    const place = 4 * this.count++;
    this.places[place] = nameFrom;
    this.places[place + 1] = nameUntil;
    this.places[place + 2] = valueFrom;
    this.places[place + 3] = valueUntil;
  }

  /** Position of the closing quote. */
  private endOfQuoted(start: number): number {
    const { body } = this;
    for (let position = start; position < body.length; position++) {
      const byte = body[position];
      if (byte === QUOTE) return position;
      if (byte === BACKSLASH) position++;
      // In the text format of Prometheus, a quoted value may contain a line feed; in OpenMetrics it
      // may not.
      if (body[position] === LINE_FEED && (this.format === "openmetrics" || byte === BACKSLASH))
        break;
    }
    throw errorAt(body, start - 1, "text that ends with a double quote on this line");
  }

  private skip(start: number): number {
    return this.format === "openmetrics" ? start : skipBlanks(this.body, start);
  }

  private text(from: number, until: number): string {
    return unescapeQuoted(decodeUtf8(this.body, from, until));
  }
}

/** @returns false when the name exists already */
function insertSorted(pairs: LabelPair[], pair: LabelPair): boolean {
  let index = pairs.length;
  for (; index > 0; index--) {
    const before = pairs[index - 1];
    if (before === undefined || before[0] < pair[0]) break;
    if (before[0] === pair[0]) return false;
  }
  if (index === pairs.length) pairs.push(pair);
  else pairs.splice(index, 0, pair);
  return true;
}

/** Replaces `\\`, `\"` and `\n`; any other backslash is kept, as in Prometheus. */
export function unescapeQuoted(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

/** @throws {ExpositionError} when the bytes are not UTF-8 */
export function decodeUtf8(body: Buffer, from: number, until: number): string {
  let position = from;
  while (position < until && (body[position] as number) <= MAX_ASCII) position++;
  if (position === until) return body.toString("latin1", from, until);
  const bytes = body.subarray(from, until);
  if (!isUtf8(bytes)) throw errorWith(body, from, "the text is not UTF-8, it must be");
  return bytes.toString("utf8");
}
