import { messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import type { BlockContent } from "../codec/block-codec.js";
import { codedSection } from "../codec/block-sections.js";
import type { Head } from "../head/head.js";
import type { Table } from "../head/table.js";
import type { Chunk } from "../model/chunk.js";
import { cutRows, isAllAbsent, type MergedRows, mergePieces } from "../model/piece.js";
import type { StoredBlock } from "./block-store.js";
import {
  LATE_BLOCK_MS,
  placeAfterLast,
  START_OF_LOG,
  StampedCutter,
  type StampedCutterParts,
} from "./stamped-cutter.js";

/** Rows stay in the head this long after the end of their block, and up to twice as long by table. */
const GRACE_MS = 15 * 60_000;
const GRACE_STEPS = 16;
/** Late chunks wait until there are this many or they are old, so that a backfill makes few blocks. */
const LATE_CHUNKS_PER_BLOCK = 64;
const ALWAYS: TimeRange = {
  fromMs: Number.NEGATIVE_INFINITY,
  untilMs: Number.POSITIVE_INFINITY,
};

export interface CutterParts extends StampedCutterParts {
  readonly head: Head;
  readonly blockDurationMs: number;
}

/** Moves rows from chunks to blocks, table by table. A loop of the storage runs it every 60 s. */
export class HeadCutter {
  private readonly stamped: StampedCutter;
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly parts: CutterParts) {
    this.stamped = new StampedCutter(parts);
  }

  /**
   * Writes the blocks that are due.
   *
   * @param oldSegment chunks in segments before this one go to blocks, whatever their range
   * @throws the system's error when the disk refuses; blocks written before stay
   */
  async cutDue(oldSegment: number): Promise<void> {
    const isOld = ({ place }: Chunk): boolean => (place?.sequence ?? oldSegment) < oldSegment;
    let failure: Error | undefined;
    for (const table of this.parts.head.tables.values()) {
      try {
        await this.inOrder(() => this.cutTable(table, isOld));
      } catch (error) {
        // A host whose folder cannot be written must not keep the others from their blocks.
        failure ??= error instanceof Error ? error : new Error(messageOf(error));
      }
    }
    if (failure !== undefined) throw failure;
  }

  private async cutTable(table: Table, isOld: (chunk: Chunk) => boolean): Promise<void> {
    if (this.isMainDue(table) || table.streams.main.chunks.some(isOld)) await this.cutMain(table);
    const late = table.streams.late.chunks;
    if (late.length >= LATE_CHUNKS_PER_BLOCK || late.some(isOld)) await this.cutLate(table);
    await this.stamped.cutDue(table, isOld);
  }

  /**
   * Writes everything durable of a table to blocks that is not in the order of time.
   *
   * @throws as `cutDue`
   */
  cutLateOf(table: Table): Promise<void> {
    return this.inOrder(async () => {
      await this.cutLate(table);
      await this.stamped.cutDue(table, () => true);
    });
  }

  /** An import must not cut a table that the loop of the storage is cutting. */
  private inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
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

  /** Writes one block for the oldest block range of the main stream. */
  private async cutMain(table: Table): Promise<void> {
    const { main } = table.streams;
    const [first] = main.chunks;
    if (first === undefined) return;
    const fromMs = Math.max(first.fromMs, main.coveredUntilMs);
    const untilMs = this.endOfBlock(fromMs);
    const { window } = main;
    if (window !== undefined && window.rows > 0 && window.timestampAt(0) < untilMs) main.seal();
    const chunks = main.chunks.filter((chunk) => chunk.fromMs < untilMs);
    const rows = await this.readChunks(chunks, { fromMs, untilMs });
    const written = rows.timestamps.length === 0 ? [] : [await this.write(table, rows, false)];
    // A host that was deleted meanwhile has other streams now, and must not get blocks.
    const isDeleted = table.streams.main !== main;
    if (isDeleted) return this.parts.blocks.exchange(table.key.folder, [], written);
    this.parts.blocks.exchange(table.key.folder, written, []);
    // An old chunk is cut before its block range has ended: the block does not cover rows to come.
    const lastCutMs = chunks.reduce(
      (last, { lastMs }) => Math.max(last, lastMs),
      Number.NEGATIVE_INFINITY,
    );
    main.cover(Math.min(untilMs, lastCutMs + 1));
    this.parts.chunkLog.cover(table, main.coveredUntilMs, START_OF_LOG);
  }

  private async cutLate(table: Table): Promise<void> {
    const { late, main } = table.streams;
    const chunks = late.chunks.filter(({ isDurable }) => isDurable);
    if (chunks.length === 0) return;
    const written = await this.writeLate(table, await this.readChunks(chunks, ALWAYS));
    const isDeleted = table.streams.late !== late;
    if (isDeleted) return this.parts.blocks.exchange(table.key.folder, [], written);
    this.parts.blocks.exchange(table.key.folder, written, []);
    const cut = new Set(chunks);
    late.removeChunks((chunk) => cut.has(chunk));
    this.parts.chunkLog.cover(table, main.coveredUntilMs, placeAfterLast(chunks));
  }

  private async writeLate(table: Table, rows: MergedRows): Promise<StoredBlock[]> {
    const written: StoredBlock[] = [];
    for (let from = 0; from < rows.timestamps.length;) {
      const fromMs = rows.timestamps[from] as number;
      const untilMs = (Math.floor(fromMs / LATE_BLOCK_MS) + 1) * LATE_BLOCK_MS;
      const part = cutMerged(rows, { fromMs, untilMs });
      written.push(await this.write(table, part, true));
      from += part.timestamps.length;
    }
    return written;
  }

  private async readChunks(chunks: readonly Chunk[], range: TimeRange): Promise<MergedRows> {
    const parts: Parameters<typeof mergePieces>[0][number][] = [];
    for (const chunk of chunks) {
      try {
        const rows = await this.parts.chunkLog.read(
          chunk,
          Uint32Array.from(chunk.layout.series.keys()),
        );
        parts.push({ labels: chunk.layout.series, rows: cutRows(rows, range) });
      } catch (error) {
        // Damaged rows are left out, or no later row would ever get to a block. Other trouble may pass.
        if (!(error instanceof PihealthError)) throw error;
        this.parts.onUnreadable(error);
      }
    }
    return mergePieces(parts);
  }

  private async write(table: Table, rows: MergedRows, isLate: boolean): Promise<StoredBlock> {
    const { blocks, counters } = this.parts;
    const { folder, labels } = table.key;
    await yieldToEventLoop();
    try {
      const block = await blocks.write(folder, contentOf(labels, rows, isLate));
      counters.blocksWritten++;
      return block;
    } catch (error) {
      counters.failedBlocks++;
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

function cutMerged({ timestamps, series }: MergedRows, range: TimeRange): MergedRows {
  const rows = cutRows({ timestamps, columns: series.map(({ values }) => values) }, range);
  return {
    timestamps: rows.timestamps,
    series: series.map(({ labels }, index) => ({ labels, values: itemAt(rows.columns, index) })),
  };
}
