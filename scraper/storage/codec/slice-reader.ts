import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { NO_SAMPLES, rowsWithin, type SeriesSamples } from "../model/stamped.js";
import { openStampedChunk, type StampedChunk } from "./stamped-codec.js";

/** Doubles that are allocated at once. Short arrays of their own would cost more than decoding them. */
const ARENA_DOUBLES = 8192;
/** Lists of times that are remembered, to be shared by series of different sections. */
const RECENT_LISTS = 1024;

/** A slice of a block, with the facts of its directory. */
export interface SliceBytes {
  readonly bytes: Uint8Array;
  readonly samples: number;
}

/** The times of a list that are in the range. */
interface Cut {
  readonly times: Float64Array;
  readonly from: number;
}

interface OpenedSlice {
  readonly chunk: StampedChunk;
  /** By the number of the list; undefined until it is wanted. */
  readonly cuts: (Cut | undefined)[];
}

/**
 * Reads series of sections. One object serves a query: it keeps scratch memory.
 *
 * Only the wanted series are decoded, and only samples in the range take memory afterwards.
 */
export class SliceReader {
  /** For metrics and tests: columns decoded, lists of times and values. */
  decodedColumns = 0;
  private arena = new Float64Array(0);
  private used = 0;
  private scratch = new Float64Array(0);
  private readonly recent = new Array<Float64Array | undefined>(RECENT_LISTS).fill(undefined);

  constructor(private readonly range: TimeRange) {}

  /**
   * @param slices in the order of time
   * @param places of the wanted series in the section, which has `seriesCount`
   * @returns one for each place; those with equal times share them
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  read(
    slices: readonly SliceBytes[],
    seriesCount: number,
    places: readonly number[],
  ): SeriesSamples[] {
    const opened = slices.map((slice) => openSlice(slice, seriesCount));
    const [only] = opened;
    if (only === undefined) return places.map(() => NO_SAMPLES);
    if (opened.length === 1) return places.map((place) => this.readOne(only, place));
    const joined = new Map<string, Float64Array>();
    return places.map((place) => this.readJoined(opened, place, joined));
  }

  private readOne(slice: OpenedSlice, place: number): SeriesSamples {
    const { times, from } = this.cutOf(slice, place);
    if (times.length === 0) return NO_SAMPLES;
    const values = this.take(times.length);
    this.readValues(slice, place, from, values);
    return { timestamps: times, values };
  }

  private readJoined(
    slices: readonly OpenedSlice[],
    place: number,
    joined: Map<string, Float64Array>,
  ): SeriesSamples {
    const key = slices.map(({ chunk }) => chunk.listOf(place)).join();
    let timestamps = joined.get(key);
    if (timestamps === undefined) {
      timestamps = this.join(slices.map((slice) => this.cutOf(slice, place).times));
      joined.set(key, timestamps);
    }
    if (timestamps.length === 0) return NO_SAMPLES;
    const values = this.take(timestamps.length);
    let at = 0;
    for (const slice of slices) {
      const { times, from } = this.cutOf(slice, place);
      if (times.length === 0) continue;
      this.readValues(slice, place, from, values.subarray(at, at + times.length));
      at += times.length;
    }
    return { timestamps, values };
  }

  private join(parts: readonly Float64Array[]): Float64Array {
    const all = this.take(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  private cutOf({ chunk, cuts }: OpenedSlice, place: number): Cut {
    const list = chunk.listOf(place);
    const known = cuts[list];
    if (known !== undefined) return known;
    const rows = chunk.rowsOf(list);
    const all = this.scratchOf(rows);
    this.decodedColumns++;
    chunk.readTimes(list, all);
    const [from, until] = rowsWithin(all, this.range);
    const times = this.shared(all, from, until);
    return (cuts[list] = { times, from });
  }

  /** Copies times, unless the last list that began like this is equal. */
  private shared(all: Float64Array, from: number, until: number): Float64Array {
    if (from >= until) return NO_SAMPLES.timestamps;
    const place = Math.abs(all[from] as number) % RECENT_LISTS;
    const known = this.recent[place];
    if (known !== undefined && isEqualTo(known, all, from, until)) return known;
    const times = this.take(until - from);
    for (let row = from; row < until; row++) times[row - from] = all[row] as number;
    this.recent[place] = times;
    return times;
  }

  private readValues(
    { chunk }: OpenedSlice,
    place: number,
    from: number,
    values: Float64Array,
  ): void {
    const rows = chunk.rowsOf(chunk.listOf(place));
    this.decodedColumns++;
    if (rows === values.length) return chunk.readValues(place, values);
    const all = this.scratchOf(rows);
    chunk.readValues(place, all);
    values.set(all.subarray(from, from + values.length));
  }

  private scratchOf(length: number): Float64Array {
    if (this.scratch.length < length) this.scratch = new Float64Array(length);
    return this.scratch.length === length ? this.scratch : this.scratch.subarray(0, length);
  }

  private take(length: number): Float64Array {
    if (length > ARENA_DOUBLES / 8) return new Float64Array(length);
    if (this.used + length > this.arena.length) {
      this.arena = new Float64Array(ARENA_DOUBLES);
      this.used = 0;
    }
    const offset = this.used * Float64Array.BYTES_PER_ELEMENT;
    this.used += length;
    // Cheaper than `subarray`.
    return new Float64Array(this.arena.buffer, offset, length);
  }
}

function isEqualTo(times: Float64Array, all: Float64Array, from: number, until: number): boolean {
  if (times.length !== until - from) return false;
  for (let row = from; row < until; row++) if (times[row - from] !== all[row]) return false;
  return true;
}

/** @throws {MalformedBytesError} when it has other samples than its directory says */
function openSlice({ bytes, samples }: SliceBytes, seriesCount: number): OpenedSlice {
  const chunk = openStampedChunk(new ByteReader(bytes), seriesCount);
  let found = 0;
  for (let column = 0; column < seriesCount; column++) found += chunk.rowsOf(chunk.listOf(column));
  if (found !== samples)
    throw new MalformedBytesError(
      `Cannot read block: a slice has ${found} samples, its directory says ${samples}`,
    );
  return { chunk, cuts: new Array<Cut | undefined>(chunk.listCount).fill(undefined) };
}
