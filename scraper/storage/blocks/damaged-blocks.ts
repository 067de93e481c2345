import { isPermissionError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { isTransient } from "../model/damage.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockName } from "./block-name.js";

export interface DamagedBlockParts {
  readonly log: Logger;
  readonly counters: StorageCounters;
  readonly pathOf: (block: BlockName) => string;
}

/** Remembers which blocks are damaged: each is logged once and then left as it is. */
export class DamagedBlocks {
  private readonly whole = new WeakSet<BlockName>();
  /** Blocks that could not be read for a reason that may pass. */
  private readonly troubled = new WeakSet<BlockName>();
  private readonly partly = new WeakSet<BlockName>();

  constructor(private readonly parts: DamagedBlockParts) {}

  /** True when nothing of the block can be read. */
  isUnreadable(block: BlockName): boolean {
    return this.whole.has(block);
  }

  /** True when the whole block or a part cannot be read. */
  has(block: BlockName): boolean {
    return this.whole.has(block) || this.partly.has(block);
  }

  /**
   * Notes that a block cannot be opened. A block that this user may not read, and trouble that may
   * pass, are tried again.
   */
  report(block: BlockName, error: unknown): void {
    if (this.whole.has(block)) return;
    const { log, counters } = this.parts;
    const fields = { file: this.parts.pathOf(block), error: messageOf(error) };
    if (isTransient(error) || isPermissionError(error)) {
      counters.damagedReads++;
      if (this.troubled.has(block)) return;
      this.troubled.add(block);
      const effect = "its samples are left out until it can be read";
      log.error("Cannot read block", { ...fields, effect });
      return;
    }
    this.whole.add(block);
    counters.damagedBlocks++;
    log.error("Cannot read damaged block, its samples are left out", fields);
  }

  /** Notes that a part of a block cannot be read. Each time counts, only the first is logged. */
  reportPart(block: BlockName, error: unknown): void {
    const { log, counters } = this.parts;
    counters.damagedReads++;
    if (this.partly.has(block)) return;
    this.partly.add(block);
    const fields = { file: this.parts.pathOf(block), error: messageOf(error) };
    log.error("Cannot read damaged part of a block, its samples are left out", fields);
  }
}
