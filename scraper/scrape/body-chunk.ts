import type { MetricMetadata } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type {
  ExpositionFormat,
  WrittenLabels,
} from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import type { NumberScanner } from "../../exporter/shared/codec/exposition/exposition-parser-number.js";

const LINE_FEED = 10;
const HASH_SIGN = 35;
const WORD_BYTES = 8;
const END_BYTES = 4;

/** A line without timestamp and exemplar that ends with its value. */
export const PLAIN_LINE = 0;
/**
 * A line that is parsed in full each time, because it has an exemplar or blanks after the value.
 */
export const ODD_LINE = 1;
export const TIMESTAMPED_LINE = 2;

export interface BodyChunkContent {
  /**
   * All text except the values, one piece per sample, concatenated. The last chunk also has the
   * text after its last value.
   */
  readonly literals: Buffer;
  /** Where in `literals` the piece before each value ends. */
  readonly ends: readonly number[];
  /** The kind of each line, one of the constants above; undefined when all are plain. */
  readonly lines: readonly number[] | undefined;
  readonly format: ExpositionFormat;
  /** True when the body ends with this chunk. */
  readonly isLast: boolean;
  /**
   * True when a comment follows. A family that gains series then becomes another chunk, instead of
   * this chunk and a new one.
   */
  readonly isBeforeComment: boolean;
}

/** A range of bytes in a slab. */
export interface SlabPlace {
  readonly words: DataView;
  readonly offset: number;
}

/** Bytes a chunk needs in a slab: four for each end, then the literals. */
export function slabBytesOf({ ends, literals }: BodyChunkContent): number {
  return ends.length * END_BYTES + literals.length;
}

/**
 * A few lines of a body without their values, usually one metric family. Chunks are interned: hosts
 * that expose the same family share one object, and a body in which one family changed shares all
 * other chunks with its predecessor. A fleet has many small chunks, so their bytes are in slabs
 * instead of in typed arrays of their own.
 */
export class BodyChunk {
  readonly sampleCount: number;
  readonly format: ExpositionFormat;
  readonly isLast: boolean;
  private readonly isBeforeComment: boolean;
  private readonly lines: readonly number[] | undefined;
  private readonly words: DataView;
  private readonly endsAt: number;
  private readonly literalsAt: number;
  private readonly literalsUntil: number;

  constructor(
    /** Unique among chunks. */
    readonly id: number,
    content: BodyChunkContent,
    readonly series: readonly WrittenLabels[],
    readonly metadata: readonly MetricMetadata[],
    /** `slabBytesOf(content)` bytes, which the constructor writes. */
    place: SlabPlace,
  ) {
    this.sampleCount = content.ends.length;
    this.lines = content.lines;
    this.format = content.format;
    this.isLast = content.isLast;
    this.isBeforeComment = content.isBeforeComment;
    this.words = place.words;
    this.endsAt = place.offset;
    this.literalsAt = place.offset + this.sampleCount * END_BYTES;
    this.literalsUntil = this.literalsAt + content.literals.length;
    // Ends are stored as positions in the slab, as `read` needs them.
    content.ends.forEach((end, index) => {
      this.words.setInt32(this.endsAt + index * END_BYTES, this.literalsAt + end, true);
    });
    content.literals.copy(this.literals());
  }

  /** True when `read` can be used. */
  get isPlain(): boolean {
    return this.lines === undefined;
  }

  isTimestamped(sample: number): boolean {
    return this.lines?.[sample] === TIMESTAMPED_LINE;
  }

  holds(content: BodyChunkContent): boolean {
    return (
      this.format === content.format &&
      this.isLast === content.isLast &&
      this.isBeforeComment === content.isBeforeComment &&
      this.sampleCount === content.ends.length &&
      this.literals().equals(content.literals) &&
      content.ends.every((end, index) => this.literalsAt + end === this.endOf(index)) &&
      this.lines?.join() === content.lines?.join()
    );
  }

  /**
   * Reads the values of the chunk if the body has exactly its text at `start`.
   *
   * Text is compared eight bytes at a time, as doubles. Text is never a NaN; a body with eight NUL
   * bytes could at worst match one with seven NULs and 0x80. Written flat for speed: see
   * test/bench/scrape-parse.ts.
   *
   * @param bodyWords a view of the bytes of `body`
   * @param values receives the values from index `at` on
   * @returns the position after the chunk, or -1 when the text differs
   */
  read(
    body: Buffer,
    bodyWords: DataView,
    start: number,
    values: Float64Array,
    at: number,
    numbers: NumberScanner,
  ): number {
    const { words, sampleCount } = this;
    let position = start;
    let from = this.literalsAt;
    for (let sample = 0; sample < sampleCount; sample++) {
      const until = this.endOf(sample);
      if (!isSameText(bodyWords, position, words, from, until - from)) return -1;
      position += until - from;
      from = until;
      const value = numbers.scan(body, position);
      position = numbers.end;
      if (position < 0 || body[position] !== LINE_FEED) return -1;
      position++;
      values[at + sample] = value;
    }
    const rest = this.literalsUntil - from;
    if (rest > 0 && !isSameText(bodyWords, position, words, from, rest)) return -1;
    position += rest;
    if (this.isLast) return position === body.length ? position : -1;
    return this.isBeforeComment && body[position] !== HASH_SIGN ? -1 : position;
  }

  private endOf(sample: number): number {
    return this.words.getInt32(this.endsAt + sample * END_BYTES, true);
  }

  private literals(): Buffer {
    const { words, literalsAt, literalsUntil } = this;
    return Buffer.from(words.buffer, words.byteOffset + literalsAt, literalsUntil - literalsAt);
  }
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isSameText(
  left: DataView,
  leftFrom: number,
  right: DataView,
  rightFrom: number,
  length: number,
): boolean {
  if (leftFrom + length > left.byteLength) return false;
  if (length < WORD_BYTES) return isSameShortText(left, leftFrom, right, rightFrom, length);
  const last = length - WORD_BYTES;
  for (let index = 0; index < last; index += WORD_BYTES) {
    if (left.getFloat64(leftFrom + index, true) !== right.getFloat64(rightFrom + index, true))
      return false;
  }
  return left.getFloat64(leftFrom + last, true) === right.getFloat64(rightFrom + last, true);
}

function isSameShortText(
  left: DataView,
  leftFrom: number,
  right: DataView,
  rightFrom: number,
  length: number,
): boolean {
  for (let index = 0; index < length; index++) {
    if (left.getUint8(leftFrom + index) !== right.getUint8(rightFrom + index)) return false;
  }
  return true;
}
