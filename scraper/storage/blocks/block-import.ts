import type { Head } from "../head/head.js";
import type { TableKey } from "../model/sample-writer.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore } from "./block-store.js";
import type { HeadCutter } from "./head-cutter.js";
import { type LabeledSamples, StampedWriter } from "./stamped-writer.js";

export interface BlockImportParts {
  readonly head: Pick<Head, "tables">;
  readonly blocks: BlockStore;
  readonly cutter: Pick<HeadCutter, "cutLateOf">;
  readonly counters: StorageCounters;
  /** Makes everything durable that was appended before. */
  readonly commit: () => Promise<void>;
  /** Range of time of a block. */
  readonly spanMs: number;
}

/**
 * Writes samples of the past straight to blocks, as `promtool tsdb create-blocks-from` does.
 *
 * Sorted samples of one table come in; blocks of stamped samples go out. The caller's own loop runs it. A
 * block is complete or does not exist, so a crash loses whole blocks, and a second import of the same
 * samples adds those that are missing.
 */
export class BlockImport {
  private readonly settled = new Set<string>();
  private readonly writer: StampedWriter;

  constructor(private readonly parts: BlockImportParts) {
    this.writer = new StampedWriter(parts.blocks, parts.counters);
  }

  /**
   * Stores samples. Of two samples of a series at one instant, the one that was stored first stays.
   *
   * @param series each with at least one sample, in ascending order of time; equal times are one array
   * @throws the system's error when the disk refuses; nothing of the call is stored then
   */
  async write({ folder, labels }: TableKey, series: readonly LabeledSamples[]): Promise<void> {
    if (series.length === 0) return;
    await this.settle(folder);
    const { blocks, spanMs } = this.parts;
    blocks.exchange(
      folder,
      await this.writer.write({ folder, target: labels, series, spanMs }),
      [],
    );
  }

  /** Late samples of the head would lose against those of blocks, so they go to blocks first. */
  private async settle(folder: string): Promise<void> {
    if (this.settled.has(folder)) return;
    const tables = [...this.parts.head.tables.values()].filter(({ key }) => key.folder === folder);
    for (const table of tables) table.seal();
    if (tables.length > 0) await this.parts.commit();
    for (const table of tables) await this.parts.cutter.cutLateOf(table);
    this.settled.add(folder);
  }
}
