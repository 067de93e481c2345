import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore, StoredBlock } from "./block-store.js";

/** A wall clock that steps forward by more than this is not trusted for a day. */
const TRUSTED_STEP_MS = 3_600_000;
const DISTRUST_MS = 86_400_000;

export interface RetentionParts {
  readonly blocks: BlockStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: StorageCounters;
  readonly retentionMs: number;
  /** 0 means no limit. */
  readonly retentionBytes: number;
}

/** Deletes blocks that are too old, and the oldest blocks when all together are too large. */
export class Retention {
  private wallAheadMs: number;
  private trustedFromMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: RetentionParts) {
    this.wallAheadMs = parts.clock.wallMs() - parts.clock.monotonicMs();
  }

  async run(): Promise<void> {
    if (this.isClockTrusted()) this.deleteOld();
    if (this.parts.retentionBytes > 0) await this.deleteExcess();
  }

  /** A clock that jumps years ahead must not delete the whole history. */
  private isClockTrusted(): boolean {
    const { clock, log } = this.parts;
    const aheadMs = clock.wallMs() - clock.monotonicMs();
    if (aheadMs - this.wallAheadMs > TRUSTED_STEP_MS) {
      this.trustedFromMs = clock.monotonicMs() + DISTRUST_MS;
      log.warn("Clock stepped forward, no block is deleted by age for a day", {
        step_seconds: Math.round((aheadMs - this.wallAheadMs) / 1000),
      });
    } else if (this.wallAheadMs - aheadMs > TRUSTED_STEP_MS) {
      this.trustedFromMs = Number.NEGATIVE_INFINITY; // It is set right again.
    }
    this.wallAheadMs = aheadMs;
    return clock.monotonicMs() >= this.trustedFromMs;
  }

  private deleteOld(): void {
    const oldestMs = this.parts.clock.wallMs() - this.parts.retentionMs;
    this.delete(this.parts.blocks.all().filter(({ untilMs }) => untilMs <= oldestMs));
  }

  private async deleteExcess(): Promise<void> {
    const { blocks, retentionBytes } = this.parts;
    const oldestFirst = blocks.all().sort((left, right) => left.untilMs - right.untilMs);
    let totalBytes = 0;
    for (const block of oldestFirst) totalBytes += await blocks.sizeOf(block);
    const excess: StoredBlock[] = [];
    for (const block of oldestFirst) {
      if (totalBytes <= retentionBytes) break;
      totalBytes -= block.sizeBytes ?? 0;
      excess.push(block);
    }
    this.delete(excess);
  }

  private delete(blocks: readonly StoredBlock[]): void {
    const byFolder = new Map<string, StoredBlock[]>();
    for (const block of blocks)
      byFolder.set(block.folder, [...(byFolder.get(block.folder) ?? []), block]);
    for (const [folder, removed] of byFolder) this.parts.blocks.exchange(folder, [], removed);
    this.parts.counters.deletedBlocks += blocks.length;
  }
}
