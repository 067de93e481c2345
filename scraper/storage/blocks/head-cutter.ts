import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { PihealthError } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import type { BlockContent } from "../codec/block-codec.js";
import { codedSection } from "../codec/block-sections.js";
import type { BlockStore } from "./block-store.js";
import type { ChunkLog } from "../head/chunk-log.js";
import type { Chunk } from "../model/chunk.js";
import type { Head } from "../head/head.js";
import { cutRows, isAllAbsent, type MergedRows, mergePieces } from "../model/piece.js";
import type { StorageCounters } from "../model/storage-counters.js";
import { isBefore, type Table } from "../head/table.js";

/**
 * Rows of a table stay in the head this long after the end of their block, plus up to as much again
 * by table.
 */
const GRACE_MS = 15 * 60_000;
const GRACE_STEPS = 16;
/** Late chunks wait for this many, or until they are old, so that a backfill makes few blocks. */
const LATE_CHUNKS_PER_BLOCK = 64;
/** Late rows go to blocks of at most this range. */
const LATE_BLOCK_MS = 86_400_000;

export interface CutterParts {
  readonly head: Head;
  readonly chunkLog: ChunkLog;
  readonly blocks: BlockStore;
  readonly counters: StorageCounters;
  readonly blockDurationMs: number;
  readonly onUnreadable: (error: unknown) => void;
}

/** Moves rows from chunks to blocks, table by table. */
export class HeadCutter {
  constructor(private readonly parts: CutterParts) {}

  /**
   * Writes the blocks that are due.
   *
   * @param oldSegment chunks in segments before this one go to blocks whatever their range
   * @throws the system's error when the disk refuses; what was written until then counts
   */
  async cutDue(oldSegment: number): Promise<void> {
    for (const table of this.parts.head.tables.values()) {
      const isOld = (chunk: Chunk): boolean => (chunk.place?.sequence ?? oldSegment) < oldSegment;
      if (this.isMainDue(table) || table.streams.main.chunks.some(isOld)) await this.cutMain(table);
      const late = table.streams.late.chunks;
      if (late.length >= LATE_CHUNKS_PER_BLOCK || late.some(isOld)) await this.cutLate(table);
    }
  }

  private isMainDue(table: Table): boolean {
    const { chunks, lastMs, coveredUntilMs } = table.streams.main;
    const [first] = chunks;
    if (first === undefined) return false;
    const graceMs = GRACE_MS * (1 + (table.id % GRACE_STEPS) / GRACE_STEPS);
    return lastMs >= this.endOfBlock(Math.max(first.fromMs, coveredUntilMs)) + graceMs;
  }

  private endOfBlock(timestampMs: number): number {
    const { blockDurationMs } = this.parts;
    return (Math.floor(timestampMs / blockDurationMs) + 1) * blockDurationMs;
  }

  /** One block for each block range that has ended, or that old chunks lie in. */
  private async cutMain(table: Table): Promise<void> {
    const { main } = table.streams;
    const [first] = main.chunks;
    if (first === undefined) return;
    const fromMs = Math.max(first.fromMs, main.coveredUntilMs);
    const untilMs = this.endOfBlock(fromMs);
    const { window } = main;
    if (window !== undefined && window.rows > 0 && window.timestampAt(0) < untilMs)
      this.parts.head.seal(table, "main");
    const chunks = main.chunks.filter((chunk) => chunk.fromMs < untilMs);
    const rows = await this.readChunks(chunks, { fromMs, untilMs });
    const written = rows.timestamps.length === 0 ? [] : [await this.write(table, rows, false)];
    // A host that was deleted meanwhile has other streams now, and wants no blocks.
    if (table.streams.main !== main)
      return this.parts.blocks.exchange(table.key.folder, [], written);
    this.parts.blocks.exchange(table.key.folder, written, []);
    // An old chunk is cut before its range has ended: rows still to come in that range are not
    // covered.
    const lastCutMs = chunks.reduce(
      (last, { lastMs }) => Math.max(last, lastMs),
      Number.NEGATIVE_INFINITY,
    );
    const coveredUntilMs = Math.min(untilMs, lastCutMs + 1);
    main.coveredUntilMs = coveredUntilMs;
    main.chunks = main.chunks.filter((chunk) => chunk.lastMs >= coveredUntilMs);
    this.parts.chunkLog.cover(table, coveredUntilMs, { sequence: 0, offsetBytes: 0 });
  }

  private async cutLate(table: Table): Promise<void> {
    const { late } = table.streams;
    const chunks = late.chunks.filter(({ isDurable }) => isDurable);
    if (chunks.length === 0) return;
    const rows = await this.readChunks(chunks, {
      fromMs: Number.NEGATIVE_INFINITY,
      untilMs: Number.POSITIVE_INFINITY,
    });
    const written = [];
    for (let from = 0; from < rows.timestamps.length;) {
      const startMs = rows.timestamps[from] as number;
      const untilMs = (Math.floor(startMs / LATE_BLOCK_MS) + 1) * LATE_BLOCK_MS;
      const part = cutMerged(rows, startMs, untilMs);
      written.push(await this.write(table, part, true));
      from += part.timestamps.length;
    }
    if (table.streams.late !== late)
      return this.parts.blocks.exchange(table.key.folder, [], written);
    this.parts.blocks.exchange(table.key.folder, written, []);
    const isCut = new Set(chunks);
    late.chunks = late.chunks.filter((chunk) => !isCut.has(chunk));
    const end = placeBehind(chunks);
    this.parts.chunkLog.cover(table, table.streams.main.coveredUntilMs, end);
  }

  private async readChunks(
    chunks: readonly Chunk[],
    range: { fromMs: number; untilMs: number },
  ): Promise<MergedRows> {
    const parts: Parameters<typeof mergePieces>[0][number][] = [];
    for (const chunk of chunks) {
      try {
        const rows = await this.parts.chunkLog.read(
          chunk,
          Uint32Array.from(chunk.layout.series.keys()),
        );
        parts.push({ labels: chunk.layout.series, rows: cutRows(rows, range) });
      } catch (error) {
        // Damage is given up, or it would keep everything behind it from the blocks; other trouble
        // may pass.
        if (!(error instanceof PihealthError)) throw error;
        this.parts.onUnreadable(error);
      }
    }
    return mergePieces(parts);
  }

  private async write(
    table: Table,
    rows: MergedRows,
    isLate: boolean,
  ): ReturnType<BlockStore["write"]> {
    await yieldToEventLoop();
    try {
      const block = await this.parts.blocks.write(
        table.key.folder,
        contentOf(table.key.labels, rows, isLate),
      );
      this.parts.counters.blocksWritten++;
      return block;
    } catch (error) {
      this.parts.counters.failedBlocks++;
      throw error;
    }
  }
}

function contentOf(
  target: Labels,
  { timestamps, series: all }: MergedRows,
  isLate: boolean,
): BlockContent {
  const series = all.filter(({ values }) => !isAllAbsent(values));
  const columns = Uint32Array.from(series.keys());
  const section = codedSection(timestamps, columns, async (from, until) =>
    series.slice(from, until).map(({ values }) => values),
  );
  return { target, isLate, series: series.map(({ labels }) => labels), sections: [section] };
}

function cutMerged(
  { timestamps, series }: MergedRows,
  fromMs: number,
  untilMs: number,
): MergedRows {
  const rows = cutRows(
    { timestamps, columns: series.map(({ values }) => values) },
    { fromMs, untilMs },
  );
  return {
    timestamps: rows.timestamps,
    series: series.map(({ labels }, index) => ({
      labels,
      values: rows.columns[index] as Float64Array,
    })),
  };
}

/** The place right behind the last of some chunks. */
function placeBehind(chunks: readonly Chunk[]): RecordPlace {
  let last: RecordPlace = { sequence: 0, offsetBytes: 0 };
  for (const { place } of chunks) if (place !== undefined && isBefore(last, place)) last = place;
  return { sequence: last.sequence, offsetBytes: last.offsetBytes + 1 };
}
