import {
  MetadataCollector,
  type MetricMetadata,
} from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type {
  ExpositionFormat,
  WrittenLabels,
} from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import {
  ENTRY,
  type ExpositionReader,
} from "../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import { hashBytes } from "../../exporter/shared/model/hash.js";
import {
  BodyChunk,
  ODD_LINE,
  PLAIN_LINE,
  slabBytesOf,
  TIMESTAMPED_LINE,
  viewOf,
  type BodyChunkContent,
  type SlabPlace,
} from "./body-chunk.js";
import { WeakInterner } from "./weak-interner.js";

const LINE_FEED = 10;
const HASH_SIGN = 35;
/** Without a comment, a chunk ends after this many samples, at the next change of the metric. */
const SAMPLES_WITHOUT_COMMENT = 16;
const MAX_SAMPLES = 512;
/**
 * Most label sets and metadata entries remembered by their text. Beyond it, all are forgotten and
 * parsed again.
 */
const MAX_REMEMBERED = 16_384;
const SLAB_BYTES = 65_536;

/** Receives samples in the order of the body. */
export interface SampleSink {
  /** @param timestampMs undefined when the line has none */
  take(value: number, timestampMs: number | undefined): void;
}

/** Parses lines that match no known chunk, and finds or creates the chunk they form. */
export class BodyChunkCache {
  private readonly chunks = new WeakInterner<BodyChunk>();
  private readonly seriesByText = new Map<string, WrittenLabels>();
  private readonly metadataByText = new Map<string, MetricMetadata>();
  private slab = viewOf(Buffer.alloc(0));
  private slabUsed = 0;
  private nextId = 1;

  /**
   * Reads the chunk at `start` and passes its samples to `sink`.
   *
   * @throws {ExpositionError} when a line is not valid
   */
  read(
    body: Buffer,
    start: number,
    reader: ExpositionReader,
    format: ExpositionFormat,
    sink: SampleSink,
  ): BodyChunk {
    const content = readContent(body, start, reader, format, sink);
    const hash = hashBytes(content.literals);
    const known = this.chunks.find(hash, (chunk) => chunk.holds(content));
    if (known !== undefined) return known;
    const end = reader.offset;
    const chunk = this.createChunk(body, start, reader, content);
    reader.moveTo(end);
    return this.chunks.add(hash, chunk);
  }

  /** Second pass over a new chunk, which creates its label sets. */
  private createChunk(
    body: Buffer,
    start: number,
    reader: ExpositionReader,
    content: BodyChunkContent,
  ): BodyChunk {
    const series: WrittenLabels[] = [];
    const metadata = new MetadataCollector();
    reader.moveTo(start);
    while (series.length < content.ends.length || content.isLast) {
      const kind = reader.next();
      if (kind === ENTRY.end) break;
      if (kind === ENTRY.sample) series.push(this.seriesAt(body, reader));
      else if (kind !== ENTRY.comment) metadata.add(kind, reader.metric, reader.text);
    }
    const shared = metadata.list().map((entry) => this.sharedMetadata(entry));
    // Copied to size, because arrays that grew have spare capacity.
    return new BodyChunk(
      this.nextId++,
      content,
      series.slice(),
      shared,
      this.placeFor(slabBytesOf(content)),
    );
  }

  private seriesAt(body: Buffer, reader: ExpositionReader): WrittenLabels {
    const text = body.toString("latin1", reader.lineStart, reader.valueStart);
    const known = this.seriesByText.get(text);
    if (known !== undefined) return known;
    return remember(this.seriesByText, text, reader.labels());
  }

  private sharedMetadata(entry: MetricMetadata): MetricMetadata {
    const text = [entry.metric, entry.type, entry.unit, entry.help].join("\n");
    return this.metadataByText.get(text) ?? remember(this.metadataByText, text, entry);
  }

  /** Reserves bytes in the current slab. A slab lives as long as one of its chunks. */
  private placeFor(sizeBytes: number): SlabPlace {
    if (this.slabUsed + sizeBytes > this.slab.byteLength) {
      this.slab = new DataView(new ArrayBuffer(Math.max(SLAB_BYTES, sizeBytes)));
      this.slabUsed = 0;
    }
    const offset = this.slabUsed;
    this.slabUsed += sizeBytes;
    return { words: this.slab, offset };
  }
}

function remember<Value>(known: Map<string, Value>, text: string, value: Value): Value {
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.set(text, value);
  return value;
}

/** First pass: reads places and values. Leaves the reader after the chunk. */
function readContent(
  body: Buffer,
  start: number,
  reader: ExpositionReader,
  format: ExpositionFormat,
  sink: SampleSink,
): BodyChunkContent {
  const pieces: Buffer[] = [];
  const ends: number[] = [];
  const lines: number[] = [];
  let from = start;
  let length = 0;
  let isLast = false;
  reader.moveTo(start);
  // A chunk ends after a sample, so that comments belong to the chunk of the sample after them.
  for (;;) {
    const kind = reader.next();
    if (kind === ENTRY.end) {
      isLast = true;
      break;
    }
    if (kind !== ENTRY.sample) continue;
    pieces.push(body.subarray(from, reader.valueStart));
    length += reader.valueStart - from;
    from = reader.offset;
    ends.push(length);
    lines.push(lineKindOf(body, reader));
    sink.take(reader.value, reader.timestampMs);
    if (isBoundary(body, reader, ends.length)) break;
  }
  if (isLast) pieces.push(body.subarray(from));
  return {
    literals: Buffer.concat(pieces),
    ends,
    lines: lines.every((line) => line === PLAIN_LINE) ? undefined : lines,
    format,
    isLast,
    isBeforeComment: body[reader.offset] === HASH_SIGN,
  };
}

function lineKindOf(body: Buffer, reader: ExpositionReader): number {
  if (reader.timestampMs !== undefined) return TIMESTAMPED_LINE;
  const isPlain =
    !reader.hasExemplar &&
    reader.valueEnd + 1 === reader.offset &&
    body[reader.valueEnd] === LINE_FEED;
  return isPlain ? PLAIN_LINE : ODD_LINE;
}

function isBoundary(body: Buffer, reader: ExpositionReader, samples: number): boolean {
  const next = body[reader.offset];
  if (next === HASH_SIGN || next === LINE_FEED || samples >= MAX_SAMPLES) return true;
  return samples >= SAMPLES_WITHOUT_COMMENT && !reader.nextLineHasSameName();
}
