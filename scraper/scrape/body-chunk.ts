import type { MetricMetadata } from "../../exporter/shared/codec/exposition-parser.js";
import type { ExpositionFormat, WrittenLabels } from "../../exporter/shared/codec/exposition-parser-labels.js";
import type { NumberScanner } from "../../exporter/shared/codec/exposition-parser-number.js";

const LINE_FEED = 10;
const HASH_SIGN = 35;
const WORD_BYTES = 8;

/** A line without timestamp and exemplar whose value ends the line. */
export const PLAIN_LINE = 0;
/** A line that must be read in full each time: it has an exemplar or blanks after the value. */
export const ODD_LINE = 1;
export const TIMESTAMPED_LINE = 2;

export interface BodyChunkContent {
  /** Everything but the values, one piece per sample, put together; for the last chunk also what follows the values. */
  readonly literals: Buffer;
  /** Where in `literals` the piece before each sample's value ends. */
  readonly ends: Int32Array;
  /** One of the line kinds above per sample. */
  readonly lines: Uint8Array;
  readonly format: ExpositionFormat;
  /** True when the body ends with this chunk. */
  readonly isLast: boolean;
  /** True when a comment follows: a family that got more series is then another chunk, not this one and a new one. */
  readonly isBeforeComment: boolean;
}

/**
 * A few lines of a body, usually one metric family, without their values. Chunks are interned: hosts that expose the
 * same family hold the same object, and a body that changed in one family shares all others with the body before.
 */
export class BodyChunk {
  readonly literals: Buffer;
  readonly ends: Int32Array;
  readonly lines: Uint8Array;
  readonly format: ExpositionFormat;
  readonly isLast: boolean;
  readonly isBeforeComment: boolean;
  /** True when `read` can take it. */
  readonly isPlain: boolean;
  private readonly words: DataView;

  constructor(
    /** Unique among chunks. */
    readonly id: number,
    content: BodyChunkContent,
    readonly series: readonly WrittenLabels[],
    readonly metadata: readonly MetricMetadata[],
  ) {
    this.literals = content.literals;
    this.ends = content.ends;
    this.lines = content.lines;
    this.format = content.format;
    this.isLast = content.isLast;
    this.isBeforeComment = content.isBeforeComment;
    this.isPlain = content.lines.every((line) => line === PLAIN_LINE);
    this.words = viewOf(content.literals);
  }

  get sampleCount(): number {
    return this.ends.length;
  }

  holds(content: BodyChunkContent): boolean {
    return (
      this.format === content.format &&
      this.isLast === content.isLast &&
      this.isBeforeComment === content.isBeforeComment &&
      this.ends.length === content.ends.length &&
      this.literals.equals(content.literals) &&
      this.ends.every((end, index) => end === content.ends[index]) &&
      this.lines.every((line, index) => line === content.lines[index])
    );
  }

  /**
   * Reads the values of the chunk when the body holds exactly its text at `start`.
   *
   * The pieces are compared eight bytes at a time, as doubles: text is never a NaN, and a body with eight NUL bytes
   * could at worst be taken for one with seven NULs and 0x80. Flat for speed: see test/bench/scrape-parse.ts.
   *
   * @param bodyWords a view of the same bytes as `body`
   * @param values receives the values from index `at` on
   * @returns the position after the chunk, or -1 when something else is there
   */
  read(
    body: Buffer, bodyWords: DataView, start: number, values: Float64Array, at: number, numbers: NumberScanner,
  ): number {
    const { words, ends } = this;
    let position = start;
    let from = 0;
    for (let sample = 0; sample < ends.length; sample++) {
      const until = ends[sample] as number;
      if (!isSameText(bodyWords, position, words, from, until - from)) return -1;
      position += until - from;
      from = until;
      const value = numbers.scan(body, position);
      position = numbers.end;
      if (position < 0 || body[position] !== LINE_FEED) return -1;
      position++;
      values[at + sample] = value;
    }
    const rest = this.literals.length - from;
    if (rest > 0 && !isSameText(bodyWords, position, words, from, rest)) return -1;
    position += rest;
    if (this.isLast) return position === body.length ? position : -1;
    return this.isBeforeComment && body[position] !== HASH_SIGN ? -1 : position;
  }
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isSameText(left: DataView, leftFrom: number, right: DataView, rightFrom: number, length: number): boolean {
  if (leftFrom + length > left.byteLength) return false;
  if (length < WORD_BYTES) return isSameShortText(left, leftFrom, right, rightFrom, length);
  const last = length - WORD_BYTES;
  for (let index = 0; index < last; index += WORD_BYTES) {
    if (left.getFloat64(leftFrom + index, true) !== right.getFloat64(rightFrom + index, true)) return false;
  }
  return left.getFloat64(leftFrom + last, true) === right.getFloat64(rightFrom + last, true);
}

function isSameShortText(left: DataView, leftFrom: number, right: DataView, rightFrom: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (left.getUint8(leftFrom + index) !== right.getUint8(rightFrom + index)) return false;
  }
  return true;
}
