import { errorAt, errorWith, MAX_LINE_BYTES } from "./exposition-parser-error.js";
import {
  decodeUtf8,
  endOfMetricName,
  LabelScanner,
  skipBlanks,
  unescapeQuoted,
  type ExpositionFormat,
  type WrittenLabels,
} from "./exposition-parser-labels.js";
import { endOfToken, NumberScanner } from "./exposition-parser-number.js";

/** Kinds of entries that `ExpositionReader.next` returns. */
export const ENTRY = { end: 0, sample: 1, type: 2, help: 3, unit: 4, comment: 5 } as const;
export type EntryKind = (typeof ENTRY)[keyof typeof ENTRY];

export const TEXT_TYPES: readonly string[] = [
  "counter",
  "gauge",
  "histogram",
  "summary",
  "untyped",
];
export const OPENMETRICS_TYPES: readonly string[] = [
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
  "unknown",
];

/** An exemplar: a value with the labels of its trace, after `#` on a line of OpenMetrics. */
export interface Exemplar {
  readonly labels: WrittenLabels;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

const LINE_FEED = 10;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const OPENING_BRACE = 123;
const MILLISECONDS_PER_SECOND = 1000;
const MAX_TIMESTAMP = 2 ** 63; // Timestamps are 64-bit integers.
const METADATA_KINDS: Readonly<Record<string, EntryKind>> = {
  HELP: ENTRY.help,
  TYPE: ENTRY.type,
  UNIT: ENTRY.unit,
};

/** The body with a line feed at its end, where every scan stops. */
export function endWithLineFeed(body: Buffer): Buffer {
  return body.length === 0 || body[body.length - 1] === LINE_FEED
    ? body
    : Buffer.concat([body, Buffer.of(LINE_FEED)]);
}

/**
 * Iterates over the entries of a body, like Prometheus' textparse. It records positions and reads
 * numbers; labels become objects only when `labels()` is called. The fields describe the last
 * entry.
 */
export class ExpositionReader {
  /** First byte of the entry's line. */
  lineStart = 0;
  /** First byte of the value. The text before it identifies the series. */
  valueStart = 0;
  /** First byte after the value. */
  valueEnd = 0;
  value = 0;
  /** Milliseconds since the Unix epoch; undefined when the sample has none. */
  timestampMs: number | undefined = undefined;
  /** Metric of a metadata line. */
  metric = "";
  /** Text of a metadata line, unescaped. */
  text = "";
  hasExemplar = false;

  private position = 0;
  private nameUntil = 0;
  private nameFrom = 0;
  private readonly numbers = new NumberScanner();
  private readonly labelScanner: LabelScanner;
  private readonly exemplarScanner: LabelScanner;
  private exemplarValue = 0;
  private exemplarTimestampMs: number | undefined = undefined;

  /** @param body ends with a line feed (`endWithLineFeed`) */
  constructor(
    private readonly body: Buffer,
    private readonly format: ExpositionFormat,
  ) {
    this.labelScanner = new LabelScanner(body, format);
    this.exemplarScanner = new LabelScanner(body, format);
  }

  /** First byte after the entry. */
  get offset(): number {
    return this.position;
  }

  /** Continues at `offset`, which must be the start of a line. */
  moveTo(offset: number): void {
    this.position = offset;
  }

  /** @throws {ExpositionError} when the next entry is not valid */
  next(): EntryKind {
    const start = this.format === "text" ? this.skipBlankLines() : this.position;
    this.lineStart = start;
    if (start >= this.body.length) {
      if (this.format === "openmetrics") throw errorAt(this.body, start, '"# EOF" at the end');
      this.position = start;
      return ENTRY.end;
    }
    const kind = this.body[start] === HASH ? this.readComment(start) : this.readSample(start);
    if (this.position - start > MAX_LINE_BYTES) {
      throw errorWith(
        this.body,
        start,
        `the line is longer than ${MAX_LINE_BYTES} bytes, it must not be`,
      );
    }
    return kind;
  }

  /** True when the line after the sample begins with the same unquoted metric name. */
  nextLineHasSameName(): boolean {
    const { body, nameFrom, nameUntil, position } = this;
    const nextUntil = position + nameUntil - nameFrom;
    const isSame =
      nextUntil < body.length && body.compare(body, position, nextUntil, nameFrom, nameUntil) === 0;
    return isSame && endOfMetricName(body, position) === nextUntil;
  }

  /** Labels of the sample, including `__name__`. */
  labels(): WrittenLabels {
    return this.labelScanner.read(this.body.toString("latin1", this.nameFrom, this.nameUntil));
  }

  exemplar(): Exemplar | undefined {
    if (!this.hasExemplar) return undefined;
    return {
      labels: this.exemplarScanner.read(""),
      value: this.exemplarValue,
      timestampMs: this.exemplarTimestampMs,
    };
  }

  private skipBlankLines(): number {
    let position = skipBlanks(this.body, this.position);
    while (this.body[position] === LINE_FEED) position = skipBlanks(this.body, position + 1);
    return position;
  }

  private readSample(start: number): EntryKind {
    const { body } = this;
    this.labelScanner.clear();
    this.nameFrom = start;
    this.nameUntil = endOfMetricName(body, start);
    if (this.nameUntil === start && body[start] !== OPENING_BRACE)
      throw errorAt(body, start, "a metric name");
    let position = this.skip(this.nameUntil);
    if (body[position] === OPENING_BRACE) position = this.labelScanner.scan(position + 1);
    if (this.labelScanner.hasQuotedName === this.nameUntil > start) {
      throw errorAt(body, start, "exactly one metric name, before or inside the braces");
    }
    this.valueStart =
      this.format === "text" ? skipBlanks(body, position) : this.afterSpace(position);
    this.value = this.readNumber(this.valueStart);
    position = this.numbers.end;
    this.valueEnd = position;
    this.hasExemplar = false;
    this.position =
      this.format === "text" ? this.readTextTail(position) : this.readOpenMetricsTail(position);
    return ENTRY.sample;
  }

  /**
   * Reads the optional timestamp in milliseconds.
   *
   * @returns the start of the next line
   */
  private readTextTail(afterValue: number): number {
    let position = skipBlanks(this.body, afterValue);
    this.timestampMs = undefined;
    if (this.body[position] !== LINE_FEED) {
      const until = endOfToken(this.body, position);
      const text = this.body.toString("latin1", position, until);
      // Prometheus takes no negative timestamp in this format.
      if (!/^\d+$/.test(text) || Number(text) >= MAX_TIMESTAMP) {
        throw errorAt(this.body, position, "a timestamp in whole milliseconds, or nothing");
      }
      this.timestampMs = Number(text);
      position = skipBlanks(this.body, until);
    }
    return this.afterLineFeed(position);
  }

  /** Reads the optional timestamp in seconds and the optional exemplar. */
  private readOpenMetricsTail(afterValue: number): number {
    let position = afterValue;
    this.timestampMs = undefined;
    if (this.body[position] === SPACE && this.body[position + 1] !== HASH) {
      this.timestampMs = this.readSeconds(position + 1);
      position = this.numbers.end;
    }
    if (this.body[position] === SPACE) position = this.readExemplar(position + 1);
    return this.afterLineFeed(position);
  }

  private readExemplar(start: number): number {
    const { body } = this;
    if (body[start] !== HASH) throw errorAt(body, start, 'an exemplar ("# {…} value"), or nothing');
    const brace = this.afterSpace(start + 1);
    if (body[brace] !== OPENING_BRACE) throw errorAt(body, brace, '"{" of the exemplar');
    const valueStart = this.afterSpace(this.exemplarScanner.scan(brace + 1));
    this.exemplarValue = this.readNumber(valueStart);
    let position = this.numbers.end;
    this.exemplarTimestampMs = undefined;
    if (body[position] === SPACE) {
      this.exemplarTimestampMs = this.readSeconds(position + 1);
      position = this.numbers.end;
    }
    this.hasExemplar = true;
    return position;
  }

  private readNumber(start: number): number {
    const value = this.numbers.scan(this.body, start);
    const isHex =
      this.format === "openmetrics" && /x/i.test(this.body.toString("latin1", start, start + 3));
    if (this.numbers.end < 0 || isHex) throw errorAt(this.body, start, "a number");
    return value;
  }

  private readSeconds(start: number): number {
    const seconds = this.readNumber(start);
    if (!Number.isFinite(seconds)) throw errorAt(this.body, start, "a finite timestamp in seconds");
    return Math.trunc(seconds * MILLISECONDS_PER_SECOND);
  }

  private readComment(start: number): EntryKind {
    const { body } = this;
    const lineEnd = body.indexOf(LINE_FEED, start);
    this.position = lineEnd + 1;
    const wordStart = this.format === "text" ? skipBlanks(body, start + 1) : start + 2;
    const word =
      wordStart === start + 1
        ? ""
        : body.toString("latin1", wordStart, endOfToken(body, wordStart));
    const kind = METADATA_KINDS[word];
    if (this.format === "openmetrics") {
      if (body[start + 1] === SPACE && word === "EOF") return this.readEof(wordStart + word.length);
      if (kind === undefined || body[start + 1] !== SPACE)
        throw errorAt(body, start, "# HELP, # TYPE, # UNIT or # EOF");
    } else if (kind === undefined || kind === ENTRY.unit || wordStart + word.length === lineEnd) {
      return ENTRY.comment; // The word alone describes no metric. Prometheus treats it as a comment, too.
    }
    this.readMetadata(kind, wordStart + word.length, lineEnd);
    return kind;
  }

  private readEof(position: number): EntryKind {
    if (this.afterLineFeed(position) < this.body.length) {
      throw errorAt(this.body, position + 1, "the end of the body after # EOF");
    }
    return ENTRY.end;
  }

  private readMetadata(kind: EntryKind, afterWord: number, lineEnd: number): void {
    const nameFrom =
      this.format === "text" ? skipBlanks(this.body, afterWord) : this.afterSpace(afterWord);
    const afterName = this.readMetricName(nameFrom);
    if (this.format === "openmetrics" && this.body[afterName] !== SPACE) {
      throw errorAt(this.body, afterName, "a space and the text of the metadata");
    }
    const textFrom = Math.min(
      this.format === "text" ? skipBlanks(this.body, afterName) : afterName + 1,
      lineEnd,
    );
    if (textFrom === afterName && textFrom < lineEnd)
      throw errorAt(this.body, afterName, "the end of the metric name");
    const text = decodeUtf8(this.body, textFrom, lineEnd);
    this.text = kind === ENTRY.help ? unescapeHelp(text, this.format) : text;
    if (kind === ENTRY.type) this.checkType(textFrom);
    if (kind === ENTRY.unit) this.checkUnit(textFrom);
  }

  /** @returns the position after the name, which may be in quotes */
  private readMetricName(nameFrom: number): number {
    const { body } = this;
    const nameUntil = endOfMetricName(body, nameFrom);
    if (nameUntil > nameFrom) {
      this.metric = body.toString("latin1", nameFrom, nameUntil);
      return nameUntil;
    }
    const lineEnd = body.indexOf(LINE_FEED, nameFrom);
    const [quoted, name] = /^"((?:\\.|[^\\"])+)"/.exec(decodeUtf8(body, nameFrom, lineEnd)) ?? [];
    if (body[nameFrom] !== QUOTE || quoted === undefined || name === undefined) {
      throw errorAt(body, nameFrom, "a metric name");
    }
    this.metric = unescapeQuoted(name);
    return nameFrom + Buffer.byteLength(quoted);
  }

  private checkType(textFrom: number): void {
    if (this.format === "text") this.text = this.text.trimEnd();
    const types = this.format === "text" ? TEXT_TYPES : OPENMETRICS_TYPES;
    if (!types.includes(this.text))
      throw errorAt(this.body, textFrom, `one of ${types.join(", ")}`);
  }

  private checkUnit(textFrom: number): void {
    if (this.text === "" || this.metric.endsWith(`_${this.text}`)) return;
    throw errorAt(
      this.body,
      textFrom,
      `the end of the metric name "${this.metric}", after an underscore`,
    );
  }

  private skip(position: number): number {
    return this.format === "text" ? skipBlanks(this.body, position) : position;
  }

  private afterSpace(position: number): number {
    if (this.body[position] !== SPACE) throw errorAt(this.body, position, "one space");
    return position + 1;
  }

  private afterLineFeed(position: number): number {
    if (this.body[position] !== LINE_FEED)
      throw errorAt(this.body, position, "the end of the line");
    return position + 1;
  }
}

/** Help texts escape backslash and line feed, and in OpenMetrics also quotes. */
function unescapeHelp(text: string, format: ExpositionFormat): string {
  if (format === "openmetrics") return unescapeQuoted(text);
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}
