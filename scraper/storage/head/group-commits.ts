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
}

/**
 * Makes rows and chunks durable, all tables in one write and one sync per journal. A loop of the
 * storage runs it every `storage.commit_interval`.
 */
export class GroupCommits {
  private failing = false;
  private early: Promise<void> | undefined;

  constructor(private readonly parts: GroupCommitParts) {}

  /** True while the disk refuses commits. */
  get isFailing(): boolean {
    return this.failing;
  }

  /** @throws the system's error */
  async commit(): Promise<void> {
    await Promise.all([this.commitRows(), this.commitChunks()]);
    this.parts.counters.commits++;
  }

  /** Commits; a failure is counted, and logged when it is the first. The next commit tries again. */
  async commitOrReport(): Promise<void> {
    const { counters, log } = this.parts;
    try {
      await this.commit();
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

  private async commitRows(): Promise<void> {
    const { rowLog, head } = this.parts;
    try {
      await rowLog.journal.commit();
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
