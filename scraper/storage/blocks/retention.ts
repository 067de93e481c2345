import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { BlockStore, StoredBlock } from "./block-store.js";
import type { StorageCounters } from "../model/storage-counters.js";

/** A wall clock that gains more than this on the monotonic clock is not believed for a while. */
const BELIEVABLE_STEP_MS = 3_600_000;
const DISBELIEF_MS = 86_400_000;

export interface RetentionParts {
  readonly blocks: BlockStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: StorageCounters;
  readonly retentionMs: number;
  /** 0 means no limit. */
  readonly retentionBytes: number;
}

/** Deletes blocks that are too old, or the oldest when there is too much. */
export class Retention {
  private wallAheadMs: number;
  private believedFromMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: RetentionParts) {
    this.wallAheadMs = parts.clock.wallMs() - parts.clock.monotonicMs();
  }

  async run(): Promise<void> {
    if (this.isClockBelieved()) this.deleteOld();
    if (this.parts.retentionBytes > 0) await this.deleteExcess();
  }

  /** A clock that jumps years ahead must not cost the whole history. */
  private isClockBelieved(): boolean {
    const { clock, log } = this.parts;
    const aheadMs = clock.wallMs() - clock.monotonicMs();
    if (aheadMs - this.wallAheadMs > BELIEVABLE_STEP_MS) {
      this.believedFromMs = clock.monotonicMs() + DISBELIEF_MS;
      log.warn("Clock stepped forward, nothing is deleted for its age for a day", {
        step_seconds: Math.round((aheadMs - this.wallAheadMs) / 1000),
      });
    } else if (this.wallAheadMs - aheadMs > BELIEVABLE_STEP_MS) {
      this.believedFromMs = Number.NEGATIVE_INFINITY; // It stepped back: that is what was waited for.
    }
    this.wallAheadMs = aheadMs;
    return clock.monotonicMs() >= this.believedFromMs;
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
