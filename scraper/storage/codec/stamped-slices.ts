/**
 * Blocks of stamped samples, version 5: sections of series, each cut into slices of time. See
 * block.format.md, "Blocks of stamped samples".
 *
 * The writer takes sections from the cutter, an import or a merge. `slice-reader.ts` is the way back.
 */
import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import { SampleCutter, type SeriesSamples } from "../model/stamped.js";
import { MAGIC_BYTES } from "./block-frame.js";
import type { ColumnEncoder } from "./column-codec.js";
import { readRuns, writeRuns } from "./number-runs.js";
import { encodeStampedChunk } from "./stamped-codec.js";

/** Series of one section at most. */
export const SECTION_SERIES = 64;
/** A slice with more samples of one series is halved. It bounds the cost of an instant query. */
const MAX_SLICE_SAMPLES = 192;
const MAX_SECTIONS = 250_000;
const MAX_SLICES = 1 << 22;
/** Most samples that a slice can have before it is damaged. */
const MAX_SAMPLES = 1 << 24;

/** Series that are stored together. */
export interface SlicedSection {
  /** Numbers of series of the block, ascending. */
  readonly series: Uint32Array;
  /** Its slices are those from this one to `untilSlice`, in the order of time. */
  readonly fromSlice: number;
  readonly untilSlice: number;
}

/** Where the samples of a block are. Each array has one item for each slice. */
export interface SlicedSections {
  readonly sections: readonly SlicedSection[];
  readonly fromMs: Float64Array;
  /** Time of the last sample, inclusive. */
  readonly lastMs: Float64Array;
  readonly offsetBytes: Float64Array;
  readonly lengthBytes: Uint32Array;
  readonly checksums: Uint32Array;
  /** Number of samples of all series. */
  readonly samples: Uint32Array;
}

/** A section to be written. */
export interface StampedSectionContent {
  /** At most `SECTION_SERIES`, ascending. */
  readonly series: Uint32Array;
  /**
   * The samples in the order of time, some time after the other: one list for each series. Those with
   * equal times share the array.
   */
  readonly parts: AsyncIterable<readonly SeriesSamples[]> | Iterable<readonly SeriesSamples[]>;
}

/** Writes sections and notes where they are. */
export class SliceWriter {
  private readonly directory = new ByteWriter(4096);
  private readonly scratch = new ByteWriter(65_536);
  private sections = 0;
  private lastMs = 0;

  /** @param write takes the bytes in order */
  constructor(
    private readonly encoder: ColumnEncoder,
    private readonly write: (bytes: Uint8Array) => Promise<void>,
  ) {}

  async writeSection({ series, parts }: StampedSectionContent): Promise<void> {
    this.sections++;
    const entries = new ByteWriter(256);
    let count = 0;
    for await (const part of parts) {
      for (const slice of slicesOf(part)) {
        await this.writeSlice(slice, entries);
        count++;
      }
    }
    writeRuns(series, this.directory);
    this.directory.varint(count);
    this.directory.raw(entries.written());
  }

  /** Appends the directory of the sections. */
  writeDirectory(writer: ByteWriter): void {
    writer.varint(this.sections);
    writer.raw(this.directory.written());
  }

  private async writeSlice(slice: readonly SeriesSamples[], entries: ByteWriter): Promise<void> {
    const { scratch } = this;
    scratch.length = 0;
    encodeStampedChunk(slice, this.encoder, scratch);
    const bytes = scratch.written();
    const { fromMs, lastMs, samples } = extentOf(slice);
    entries.signedVarint(fromMs - this.lastMs);
    entries.varint(lastMs - fromMs);
    entries.varint(samples);
    entries.varint(bytes.length);
    entries.u32(crc32c(bytes));
    this.lastMs = lastMs;
    await this.write(bytes);
  }
}

/** @throws {MalformedBytesError} when the bytes make no sense */
export function readSlicedSections(reader: ByteReader): SlicedSections & {
  readonly endBytes: number;
} {
  const sections: SlicedSection[] = [];
  const fromMs: number[] = [];
  const lastMs: number[] = [];
  const offsetBytes: number[] = [];
  const lengthBytes: number[] = [];
  const checksums: number[] = [];
  const samples: number[] = [];
  let endBytes = MAGIC_BYTES;
  let before = 0;
  for (let left = reader.count(MAX_SECTIONS); left > 0; left--) {
    const series = readRuns(reader, SECTION_SERIES);
    const fromSlice = fromMs.length;
    const untilSlice = fromSlice + reader.count(MAX_SLICES - fromSlice);
    for (let slice = fromSlice; slice < untilSlice; slice++) {
      fromMs.push((before += reader.signedVarint()));
      lastMs.push((before += reader.varint()));
      samples.push(reader.count(MAX_SAMPLES));
      const length = reader.count(0xffffffff);
      offsetBytes.push(endBytes);
      lengthBytes.push(length);
      checksums.push(reader.u32());
      endBytes += length;
    }
    sections.push({ series, fromSlice, untilSlice });
  }
  if (!Number.isSafeInteger(endBytes))
    throw new MalformedBytesError("Cannot read block: its slices are too long");
  return {
    sections,
    fromMs: Float64Array.from(fromMs),
    lastMs: Float64Array.from(lastMs),
    offsetBytes: Float64Array.from(offsetBytes),
    lengthBytes: Uint32Array.from(lengthBytes),
    checksums: Uint32Array.from(checksums),
    samples: Uint32Array.from(samples),
    endBytes,
  };
}

/** Cuts samples into slices of time, each with at most `MAX_SLICE_SAMPLES` samples of any series. */
function* slicesOf(part: readonly SeriesSamples[]): Generator<readonly SeriesSamples[]> {
  const { fromMs, lastMs } = extentOf(part);
  // The last range is the next one.
  const waiting: [number, number][] = fromMs <= lastMs ? [[fromMs, lastMs + 1]] : [];
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const [from, until] = range;
    const most = mostSamplesIn(part, from, until);
    if (most === 0) continue;
    if (most <= MAX_SLICE_SAMPLES || until - from < 2) {
      const cutter = new SampleCutter({ fromMs: from, untilMs: until });
      yield part.map((samples) => cutter.cut(samples));
      continue;
    }
    const middle = from + Math.floor((until - from) / 2);
    waiting.push([middle, until], [from, middle]);
  }
}

function mostSamplesIn(part: readonly SeriesSamples[], fromMs: number, untilMs: number): number {
  let most = 0;
  let before: Float64Array | undefined;
  for (const { timestamps } of part) {
    if (timestamps === before) continue;
    before = timestamps;
    const count = firstAtOrAfter(timestamps, untilMs) - firstAtOrAfter(timestamps, fromMs);
    if (count > most) most = count;
  }
  return most;
}

function extentOf(part: readonly SeriesSamples[]): {
  fromMs: number;
  lastMs: number;
  samples: number;
} {
  let [fromMs, lastMs, samples] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const { timestamps } of part) {
    const { length } = timestamps;
    if (length === 0) continue;
    samples += length;
    fromMs = Math.min(fromMs, timestamps[0] as number);
    lastMs = Math.max(lastMs, timestamps[length - 1] as number);
  }
  return { fromMs, lastMs, samples };
}
