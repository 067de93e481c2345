import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { PihealthError } from "../../../exporter/shared/model/errors.js";
import { getOrThrow } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { isBefore, placeAfter } from "../codec/journal-records.js";
import { openStampedChunk } from "../codec/stamped-codec.js";
import {
  type NumberedSamples,
  sectionsOf,
  type StampedSectionContent,
} from "../codec/stamped-sections.js";
import type { ChunkLog } from "../head/chunk-log.js";
import type { Table } from "../head/table.js";
import type { Chunk } from "../model/chunk.js";
import { NEVER_PAUSE } from "../model/querier.js";
import { SampleCutter, type SeriesSamples } from "../model/stamped.js";
import { SamplesJoiner } from "../model/samples-joiner.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore, StoredBlock } from "./block-store.js";

/** Longest range of a block of late rows, or of stamped samples. */
export const LATE_BLOCK_MS = 86_400_000;
export const START_OF_LOG: RecordPlace = { sequence: 0, offsetBytes: 0 };
/** Chunks of stamped samples wait until there are this many, this many samples, or they are old. */
const CHUNKS_PER_BLOCK = 64;
const SAMPLES_PER_BLOCK = 1 << 21;

export interface StampedCutterParts {
  readonly chunkLog: ChunkLog;
  readonly blocks: BlockStore;
  readonly counters: StorageCounters;
  /** Called for a chunk that cannot be read and is left out of its block. */
  readonly onUnreadable: (error: unknown) => void;
}

/** Moves stamped samples from chunks to blocks. */
export class StampedCutter {
  constructor(private readonly parts: StampedCutterParts) {}

  /**
   * Writes the blocks of a table that are due.
   *
   * @throws the system's error when the disk refuses
   */
  async cutDue(table: Table, isOld: (chunk: Chunk) => boolean): Promise<void> {
    for (;;) {
      const durable = (table.stamped?.chunks ?? []).filter(({ isDurable }) => isDurable);
      const samples = durable.reduce((sum, { rows }) => sum + rows, 0);
      const isDue = samples >= SAMPLES_PER_BLOCK || durable.length >= CHUNKS_PER_BLOCK;
      if (durable.length === 0 || !(isDue || durable.some(isOld))) return;
      await this.cut(table, firstOf(durable));
    }
  }

  private async cut(table: Table, chunks: readonly Chunk[]): Promise<void> {
    const { blocks, chunkLog } = this.parts;
    const { stamped } = table;
    if (stamped === undefined) return;
    const { folder, labels } = table.key;
    const written = await this.write(folder, labels, await this.readChunks(chunks));
    // A host that was deleted meanwhile has other samples now, and must not get blocks.
    if (table.stamped !== stamped) return blocks.exchange(folder, [], written);
    blocks.exchange(folder, written, []);
    const cut = new Set(chunks);
    stamped.removeChunks((chunk) => cut.has(chunk));
    chunkLog.coverStamped(table, placeAfterLast(chunks));
  }

  private async readChunks(chunks: readonly Chunk[]): Promise<LabeledSamples[]> {
    const found = new Map<string, { labels: Labels; parts: SeriesSamples[] }>();
    const requests = chunks.map((chunk) => ({
      chunk,
      values: chunk.rows,
      take: (body: Parameters<typeof openStampedChunk>[0]) => {
        const { series } = chunk.layout;
        const opened = openStampedChunk(body, series.length);
        const samples = series.map((_, column) => opened.decode(column));
        for (const [column, labels] of series.entries()) {
          const own = samples[column];
          if (own === undefined || own.timestamps.length === 0) continue;
          const known = found.get(labels.key);
          if (known === undefined) found.set(labels.key, { labels, parts: [own] });
          else known.parts.push(own);
        }
      },
      fail: (error: unknown) => this.reportUnreadable(error),
    }));
    for (const request of requests) {
      await this.parts.chunkLog.readAll([request], NEVER_PAUSE);
      await yieldToEventLoop();
    }
    const joiner = new SamplesJoiner();
    return Array.from(found.values(), ({ labels, parts }) => ({ labels, ...joiner.join(parts) }));
  }

  /** Damaged samples are left out, or no later one would ever get to a block. Other trouble may pass. */
  private reportUnreadable(error: unknown): void {
    if (!(error instanceof PihealthError)) throw error;
    this.parts.onUnreadable(error);
  }

  private async write(
    folder: string,
    target: Labels,
    all: readonly LabeledSamples[],
  ): Promise<StoredBlock[]> {
    const { blocks, counters } = this.parts;
    const written: StoredBlock[] = [];
    for (const range of daysOf(all)) {
      const cutter = new SampleCutter(range);
      const inDay = all
        .map(({ labels, ...samples }) => ({ labels, ...cutter.cut(samples) }))
        .filter(({ timestamps }) => timestamps.length > 0);
      const series = inDay.map(({ labels }) => labels);
      const numbered = inDay.map(({ timestamps, values }, number) => ({
        number,
        timestamps,
        values,
      }));
      try {
        const sections = pausing(sectionsOf(numbered));
        written.push(
          await blocks.writeStamped(folder, rangeOf(inDay), { target, series, sections }),
        );
        counters.blocksWritten++;
      } catch (error) {
        counters.failedBlocks++;
        throw error;
      }
    }
    return written;
  }
}

interface LabeledSamples extends SeriesSamples {
  readonly labels: Labels;
}

/** The oldest chunks, as many as go to blocks together. */
function firstOf(chunks: readonly Chunk[]): readonly Chunk[] {
  let samples = 0;
  const end = chunks.findIndex(({ rows }) => (samples += rows) > SAMPLES_PER_BLOCK);
  return end === -1 ? chunks : chunks.slice(0, Math.max(1, end));
}

function daysOf(all: readonly SeriesSamples[]): { fromMs: number; untilMs: number }[] {
  const days = new Set<number>();
  for (const { timestamps } of all) {
    let lastDay = NaN;
    for (const timestampMs of timestamps) {
      const day = Math.floor(timestampMs / LATE_BLOCK_MS);
      if (day !== lastDay) days.add((lastDay = day));
    }
  }
  return [...days]
    .sort((left, right) => left - right)
    .map((day) => ({ fromMs: day * LATE_BLOCK_MS, untilMs: (day + 1) * LATE_BLOCK_MS }));
}

function rangeOf(all: readonly SeriesSamples[]): { fromMs: number; untilMs: number } {
  let [fromMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { timestamps } of all) {
    fromMs = Math.min(fromMs, timestamps[0] ?? fromMs);
    lastMs = Math.max(lastMs, timestamps.at(-1) ?? lastMs);
  }
  return { fromMs, untilMs: lastMs + 1 };
}

/** Lets the event loop run before each section. */
export async function* pausing(
  sections: Iterable<StampedSectionContent>,
): AsyncGenerator<StampedSectionContent> {
  for (const section of sections) {
    await yieldToEventLoop();
    yield section;
  }
}

export function placeAfterLast(chunks: readonly Chunk[]): RecordPlace {
  let last = START_OF_LOG;
  for (const { place } of chunks) if (place !== undefined && isBefore(last, place)) last = place;
  return placeAfter(last);
}

/** Series of one batch of a merge. */
const SERIES_AT_ONCE = 512;

/** A block of stamped samples to be merged. */
export interface StampedSource {
  readonly series: readonly Labels[];
  /** Numbers of series, in the order of its sections. */
  readonly order: readonly number[];
  /** Reads series, given by their numbers in ascending order, over the whole block. */
  readonly read: (numbers: readonly number[]) => Promise<readonly SeriesSamples[]>;
}

/**
 * Merges blocks of stamped samples: the sections of the merged block, some series at a time.
 *
 * @param sources in the order of writing: of two samples at one instant, the first source's one stays
 */
export async function* mergedSections(
  series: readonly Labels[],
  numberOf: ReadonlyMap<string, number>,
  sources: readonly StampedSource[],
): AsyncGenerator<StampedSectionContent> {
  const inSource = sources.map(
    (source) => new Map(source.series.map(({ key }, number) => [key, number])),
  );
  const ordered = new Set<number>();
  for (const source of sources)
    for (const number of source.order) {
      const labels = source.series[number];
      if (labels !== undefined) ordered.add(getOrThrow(numberOf, labels.key));
    }
  const all = [...ordered];
  for (let from = 0; from < all.length; from += SERIES_AT_ONCE) {
    const batch = all.slice(from, from + SERIES_AT_ONCE);
    const parts = new Map<number, SeriesSamples[]>(batch.map((number) => [number, []]));
    for (const [index, source] of sources.entries()) {
      const wanted = batch
        .flatMap((number) => {
          const own = inSource[index]?.get(series[number]?.key ?? "");
          return own === undefined ? [] : [[own, number] as const];
        })
        .sort(([left], [right]) => left - right);
      const samples = await source.read(wanted.map(([own]) => own));
      for (const [at, [, number]] of wanted.entries()) {
        const found = samples[at];
        if (found !== undefined && found.timestamps.length > 0) parts.get(number)?.push(found);
      }
    }
    const joiner = new SamplesJoiner();
    const joined: NumberedSamples[] = [];
    for (const [number, own] of parts)
      if (own.length > 0) joined.push({ number, ...joiner.join(own) });
    yield* pausing(sectionsOf(joined));
  }
}
