import { isSegmentLost } from "../../../exporter/shared/journal/journal.js";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Head } from "./head.js";
import type { RowLog } from "./row-log.js";

export interface GroupCommitParts {
  readonly head: Head;
  readonly rowLog: RowLog;
  readonly chunkLog: ChunkLog;
  readonly counters: StorageCounters;
  readonly log: Logger;
  /** Rounds of the loop from one sync to the next, where few bytes wait. */
  readonly roundsPerSync: number;
}

/**
 * So many bytes are synced at once. A sync writes whole pages and the file system's own journal, so
 * on a small fleet syncing every few bytes would write ten times as much as the samples take.
 */
const SYNC_BYTES = 65_536;

/**
 * Makes rows and chunks durable, all tables in one write and one sync per journal. A loop of the
 * storage writes every `storage.commit_interval`, and syncs when `storage.sync_interval` is over or
 * many bytes wait.
 */
export class GroupCommits {
  private failing = false;
  /** Rounds of the loop since the last sync. */
  private unsyncedRounds = 0;
  private early: Promise<void> | undefined;

  constructor(private readonly parts: GroupCommitParts) {}

  /** True while the disk refuses commits. */
  get isFailing(): boolean {
    return this.failing;
  }

  /** @throws the system's error */
  async commit(): Promise<void> {
    this.unsyncedRounds = 0;
    await bothOf(this.commitRows(), this.commitChunks());
    this.parts.counters.commits++;
  }

  /** One round of the loop: writes, and syncs when it is time. Failures are as in `commitOrReport`. */
  async advance(): Promise<void> {
    const { rowLog, roundsPerSync } = this.parts;
    this.unsyncedRounds++;
    const isDue = this.unsyncedRounds >= roundsPerSync || this.failing;
    if (isDue || rowLog.journal.pendingBytes >= SYNC_BYTES) return this.commitOrReport();
    // Rows stay in the journal until their chunks are synced, so chunks can wait, too.
    await this.report(() => this.commitRows(false));
  }

  /** Commits; a failure is counted, and logged when it is the first. The next commit tries again. */
  commitOrReport(): Promise<void> {
    return this.report(() => this.commit());
  }

  private async report(work: () => Promise<unknown>): Promise<void> {
    const { counters, log } = this.parts;
    try {
      await work();
      if (this.failing) log.info("Writing of samples resumed");
      this.failing = false;
    } catch (error) {
      counters.failedCommits++;
      if (!this.failing) {
        log.error("Cannot write samples, they stay in memory until a later commit succeeds", {
          error: messageOf(error),
          code: codeOf(error),
        });
      }
      this.failing = true;
    }
  }

  /** Starts a commit before its time, unless one is under way or the disk refuses. */
  startEarly(): void {
    if (this.failing) return;
    this.early ??= this.commitOrReport().finally(() => (this.early = undefined));
  }

  /** Resolves when no early commit is under way. */
  async settle(): Promise<void> {
    await this.early;
  }

  private async commitRows(isSynced = true): Promise<void> {
    const { rowLog, head } = this.parts;
    try {
      await (isSynced ? rowLog.journal.commit() : rowLog.journal.write());
    } catch (error) {
      // The rows of a lost segment are still in memory, and become durable as chunks.
      if (isSegmentLost(error)) {
        await rowLog.journal.abandon();
        head.sealEverything();
      }
      throw error;
    }
  }

  private async commitChunks(): Promise<void> {
    const { chunkLog, head } = this.parts;
    const { sequence } = chunkLog.journal;
    try {
      await chunkLog.commit();
    } catch (error) {
      if (isSegmentLost(error)) {
        await chunkLog.journal.abandon();
        chunkLog.rewriteWaiting();
        head.sealAgain(sequence);
      }
      throw error;
    }
  }
}

/**
 * Waits for both: chunks may become durable where rows cannot.
 *
 * @throws the error of the first that failed
 */
async function bothOf(rows: Promise<void>, chunks: Promise<void>): Promise<void> {
  await Promise.allSettled([rows, chunks]);
  await rows;
  await chunks;
}
