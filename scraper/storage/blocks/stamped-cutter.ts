import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { PihealthError } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { isBefore, placeAfter } from "../codec/journal-records.js";
import { openStampedChunk } from "../codec/stamped-codec.js";
import type { ChunkLog } from "../head/chunk-log.js";
import type { Table } from "../head/table.js";
import type { Chunk } from "../model/chunk.js";
import { NEVER_PAUSE } from "../model/querier.js";
import type { SeriesSamples } from "../model/stamped.js";
import { SamplesJoiner } from "../model/samples-joiner.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore } from "./block-store.js";
import { type LabeledSamples, StampedWriter } from "./stamped-writer.js";

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
  private readonly writer: StampedWriter;

  constructor(private readonly parts: StampedCutterParts) {
    this.writer = new StampedWriter(parts.blocks, parts.counters);
  }

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
    const series = await this.readChunks(chunks);
    const written = await this.writer.write({
      folder,
      target: labels,
      series,
      spanMs: LATE_BLOCK_MS,
    });
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
}

/** The oldest chunks, as many as go to blocks together. */
function firstOf(chunks: readonly Chunk[]): readonly Chunk[] {
  let samples = 0;
  const end = chunks.findIndex(({ rows }) => (samples += rows) > SAMPLES_PER_BLOCK);
  return end === -1 ? chunks : chunks.slice(0, Math.max(1, end));
}

export function placeAfterLast(chunks: readonly Chunk[]): RecordPlace {
  let last = START_OF_LOG;
  for (const { place } of chunks) if (place !== undefined && isBefore(last, place)) last = place;
  return placeAfter(last);
}
