import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { ExpositionFormat } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { NumberScanner } from "../../exporter/shared/codec/exposition/exposition-parser-number.js";
import {
  endWithLineFeed,
  ExpositionReader,
} from "../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import type { TimeSlices } from "../../exporter/shared/platform/time-slices.js";
import { TooManySamplesError } from "./scrape-errors.js";
import { viewOf, type BodyChunk } from "./body-chunk.js";
import type { BodyChunkCache, SampleSink } from "./body-chunk-cache.js";
import type { RowBuffer } from "./row-buffer.js";

/**
 * Most chunks that may be missing at one place before the following text is parsed as a new chunk.
 */
const LOOK_AHEAD = 16;
const NO_BODY = Buffer.alloc(0);
const NO_WORDS = viewOf(NO_BODY);

export interface SlicedReading {
  /** Index in the row buffer for the first value. */
  readonly at: number;
  readonly maxSamples: number;
  readonly slices: TimeSlices;
}

/**
 * Reads a body by comparing it with the chunks of the previous body. A known chunk costs
 * comparisons and number parses. Other text is parsed in full until known chunks follow again.
 * Values go to a row buffer in the order of the body.
 */
export class BodyReader implements SampleSink {
  /** Samples of the last body, or samples before its error. */
  sampleCount = 0;
  /**
   * Timestamps of samples in milliseconds, by index of the sample; only samples whose line has one.
   */
  readonly timestamps = new Map<number, number>();
  private readonly numbers = new NumberScanner();
  private body: Buffer = NO_BODY;
  private words = NO_WORDS;
  private format: ExpositionFormat = "text";
  private position = 0;
  private at = 0;

  constructor(
    private readonly cache: BodyChunkCache,
    private readonly row: RowBuffer,
  ) {}

  /**
   * @param expected chunks that this method returned for the previous body; empty for the first one
   * @param at index in the row buffer for the first value
   * @returns `expected` itself when the body has the same chunks
   * @throws {ExpositionError} when the body is not valid
   */
  read(
    body: Buffer,
    format: ExpositionFormat,
    expected: readonly BodyChunk[],
    at: number,
  ): readonly BodyChunk[] {
    this.open(endWithLineFeed(body), format, at);
    let known = 0;
    for (const chunk of expected) {
      if (!this.readKnown(chunk)) return this.readChanged(expected, known);
      known++;
    }
    // The last chunk has matched, which it does only at the end of the body.
    return expected.length > 0 ? expected : this.readChanged(expected, 0);
  }

  /**
   * As `read`, in slices.
   *
   * @param maxSamples most samples; the body after the first sample beyond it is not read
   * @throws {ExpositionError}
   * @throws {TooManySamplesError}
   */
  async readInSlices(
    body: Buffer,
    format: ExpositionFormat,
    expected: readonly BodyChunk[],
    { at, maxSamples, slices }: SlicedReading,
  ): Promise<readonly BodyChunk[]> {
    this.open(endWithLineFeed(body), format, at);
    const chunks: BodyChunk[] = [];
    const reader = new ExpositionReader(this.body, format);
    let next = 0;
    for (let isLast = false; !isLast;) {
      const found = this.findAhead(expected, next);
      const chunk = found < 0 ? this.readLong(reader) : itemAt(expected, found);
      if (found >= 0) next = found + 1;
      else if (chunk === expected[next]) next++;
      chunks.push(chunk);
      isLast = chunk.isLast;
      if (this.sampleCount > maxSamples) throw new TooManySamplesError(this.sampleCount);
      if (slices.areDue) await slices.pause();
    }
    return isSameList(chunks, expected) ? expected : chunks;
  }

  /** Releases the body. */
  close(): void {
    this.body = NO_BODY;
    this.words = NO_WORDS;
    if (this.timestamps.size > 0) this.timestamps.clear();
  }

  take(value: number, timestampMs: number | undefined): void {
    const index = this.sampleCount++;
    this.row.reserve(this.at + this.sampleCount);
    this.row.values[this.at + index] = value;
    if (timestampMs !== undefined) this.timestamps.set(index, timestampMs);
  }

  private open(body: Buffer, format: ExpositionFormat, at: number): void {
    this.body = body;
    this.words = viewOf(body);
    this.format = format;
    this.at = at;
    this.position = 0;
    this.sampleCount = 0;
    if (this.timestamps.size > 0) this.timestamps.clear();
  }

  private readKnown(chunk: BodyChunk): boolean {
    if (!chunk.isPlain || chunk.format !== this.format) return false;
    const at = this.at + this.sampleCount;
    this.row.reserve(at + chunk.sampleCount);
    const position = chunk.read(
      this.body,
      this.words,
      this.position,
      this.row.values,
      at,
      this.numbers,
    );
    if (position < 0) return false;
    this.position = position;
    this.sampleCount += chunk.sampleCount;
    return true;
  }

  /** Continues where `expected[known]` did not match. */
  private readChanged(expected: readonly BodyChunk[], known: number): readonly BodyChunk[] {
    const chunks = expected.slice(0, known);
    const reader = new ExpositionReader(this.body, this.format);
    let next = known;
    for (let isLast = false; !isLast;) {
      const found = this.findAhead(expected, next);
      const chunk = found < 0 ? this.readLong(reader) : itemAt(expected, found);
      if (found >= 0) next = found + 1;
      else if (chunk === expected[next]) next++;
      chunks.push(chunk);
      isLast = chunk.isLast;
    }
    return isSameList(chunks, expected) ? expected : chunks.slice();
  }

  /** @returns the index of the chunk that matched, or -1 */
  private findAhead(expected: readonly BodyChunk[], next: number): number {
    const until = Math.min(expected.length, next + LOOK_AHEAD);
    for (let index = next; index < until; index++) {
      const chunk = expected[index];
      if (chunk !== undefined && this.readKnown(chunk)) return index;
    }
    return -1;
  }

  private readLong(reader: ExpositionReader): BodyChunk {
    const chunk = this.cache.read(this.body, this.position, reader, this.format, this);
    this.position = reader.offset;
    return chunk;
  }
}

function isSameList(left: readonly BodyChunk[], right: readonly BodyChunk[]): boolean {
  return left.length === right.length && left.every((chunk, index) => chunk === right[index]);
}
