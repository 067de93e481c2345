import { MetadataCollector } from "../../exporter/shared/codec/exposition-parser.js";
import type { ExpositionFormat, WrittenLabels } from "../../exporter/shared/codec/exposition-parser-labels.js";
import { ENTRY, type ExpositionReader } from "../../exporter/shared/codec/exposition-parser-reader.js";
import { BodyChunk, ODD_LINE, PLAIN_LINE, TIMESTAMPED_LINE, type BodyChunkContent } from "./body-chunk.js";
import { WeakInterner } from "./weak-interner.js";

const LINE_FEED = 10;
const HASH_SIGN = 35;
/** A chunk ends where comments follow samples, or after this many samples where the metric changes. */
const SAMPLES_WITHOUT_COMMENT = 16;
const MAX_SAMPLES = 512;
/** Bound of the label sets remembered by their text; past it they are forgotten and read anew. */
const MAX_REMEMBERED_SERIES = 65_536;

/** Receives samples in the order of the body. */
export interface SampleSink {
  /** @param timestampMs undefined when the line has none */
  take(value: number, timestampMs: number | undefined): void;
}

/** Reads lines the long way and finds or makes the chunk they are. */
export class BodyChunkCache {
  private readonly chunks = new WeakInterner<BodyChunk>();
  private readonly seriesByText = new Map<string, WrittenLabels>();
  private nextId = 1;

  /**
   * Reads the chunk at `start` and gives its samples to `sink`.
   *
   * @throws {ExpositionError} when a line is not acceptable
   */
  read(body: Buffer, start: number, reader: ExpositionReader, format: ExpositionFormat, sink: SampleSink): BodyChunk {
    const content = readContent(body, start, reader, format, sink);
    const hash = hashOf(content.literals);
    const known = this.chunks.find(hash, (chunk) => chunk.holds(content));
    if (known !== undefined) return known;
    const end = reader.offset;
    const chunk = this.createChunk(body, start, reader, content);
    reader.moveTo(end);
    return this.chunks.add(hash, chunk);
  }

  /** Second pass over a chunk not seen before, now with label sets. */
  private createChunk(body: Buffer, start: number, reader: ExpositionReader, content: BodyChunkContent): BodyChunk {
    const series: WrittenLabels[] = [];
    const metadata = new MetadataCollector();
    reader.moveTo(start);
    while (series.length < content.ends.length || content.isLast) {
      const kind = reader.next();
      if (kind === ENTRY.end) break;
      if (kind === ENTRY.sample) series.push(this.seriesAt(body, reader));
      else if (kind !== ENTRY.comment) metadata.add(kind, reader.metric, reader.text);
    }
    return new BodyChunk(this.nextId++, content, series, metadata.list());
  }

  private seriesAt(body: Buffer, reader: ExpositionReader): WrittenLabels {
    const text = body.toString("latin1", reader.lineStart, reader.valueStart);
    const known = this.seriesByText.get(text);
    if (known !== undefined) return known;
    const written = reader.labels();
    if (this.seriesByText.size >= MAX_REMEMBERED_SERIES) this.seriesByText.clear();
    this.seriesByText.set(text, written);
    return written;
  }
}

/** First pass: what stands where, and the values. Leaves the reader after the chunk. */
function readContent(
  body: Buffer, start: number, reader: ExpositionReader, format: ExpositionFormat, sink: SampleSink,
): BodyChunkContent {
  const pieces: Buffer[] = [];
  const ends: number[] = [];
  const lines: number[] = [];
  let from = start;
  let length = 0;
  let isLast = false;
  reader.moveTo(start);
  do {
    const kind = reader.next();
    if (kind === ENTRY.end) isLast = true;
    if (kind !== ENTRY.sample) continue;
    pieces.push(body.subarray(from, reader.valueStart));
    length += reader.valueStart - from;
    from = reader.offset;
    ends.push(length);
    lines.push(lineKindOf(body, reader));
    sink.take(reader.value, reader.timestampMs);
  } while (!isLast && !isBoundary(body, reader, ends.length));
  if (isLast) pieces.push(body.subarray(from));
  return {
    literals: Buffer.concat(pieces),
    ends: Int32Array.from(ends),
    lines: Uint8Array.from(lines),
    format,
    isLast,
    isBeforeComment: body[reader.offset] === HASH_SIGN,
  };
}

function lineKindOf(body: Buffer, reader: ExpositionReader): number {
  if (reader.timestampMs !== undefined) return TIMESTAMPED_LINE;
  const isPlain = !reader.hasExemplar && reader.valueEnd + 1 === reader.offset && body[reader.valueEnd] === LINE_FEED;
  return isPlain ? PLAIN_LINE : ODD_LINE;
}

function isBoundary(body: Buffer, reader: ExpositionReader, samples: number): boolean {
  if (samples === 0) return false;
  if (body[reader.offset] === HASH_SIGN || samples >= MAX_SAMPLES) return true;
  return samples >= SAMPLES_WITHOUT_COMMENT && !reader.nextLineHasSameName();
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, 32 bits. */
function hashOf(bytes: Buffer): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ (bytes[index] as number), FNV_PRIME);
  return hash;
}
