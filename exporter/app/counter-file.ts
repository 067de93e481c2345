import path from "node:path";
import { BadInputError, messageOf } from "../shared/model/errors.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { readStateFile } from "../shared/platform/state-file.js";
import { decodeKeptCounters, encodeKeptCounters, KeptCounters } from "../sources/kept-counters.js";

export const COUNTERS_FILE = "counters.json";
/** Thousands of network devices and cores; a larger state is not written. */
export const MAX_COUNTERS_BYTES = 2 ** 20;
const LEAST_DISTANCE_MS = 60_000;

/** The boot id of a system without one, where a restart looks like a reboot. */
const NO_BOOT = "0";

/**
 * The state file of counters: read at the start, written after a run of a collector when a restart
 * would let a counter fall, at most once a minute, and at the stop.
 */
export class CounterFile {
  private lastWriteMs = Number.NEGATIVE_INFINITY;
  private writing: Promise<void> | undefined;
  private hasFailed = false;

  private constructor(
    readonly counters: KeptCounters,
    private readonly parts: CounterFileParts,
  ) {}

  static async open(parts: CounterFileParts): Promise<CounterFile> {
    const { files, log, folder, bootId } = parts;
    const before = await readStateFile({
      files,
      log,
      filePath: path.join(folder, COUNTERS_FILE),
      maxBytes: MAX_COUNTERS_BYTES,
      decode: decodeKeptCounters,
      effect: "counters of the kernel that were full or stepped back may fall once",
    });
    const isSameBoot = before?.bootId === bootId && bootId !== NO_BOOT;
    return new CounterFile(new KeptCounters(isSameBoot ? before.rows : undefined), parts);
  }

  /** Called after each run of a collector. */
  afterRun(): void {
    const { clock } = this.parts;
    if (this.writing !== undefined || clock.monotonicMs() - this.lastWriteMs < LEAST_DISTANCE_MS)
      return;
    if (this.counters.isWriteDue) void this.write();
  }

  /** Writes once more, after the last run. */
  async stop(): Promise<void> {
    await this.writing;
    await this.write();
  }

  private async write(): Promise<void> {
    this.lastWriteMs = this.parts.clock.monotonicMs();
    this.writing = this.replace();
    await this.writing;
    this.writing = undefined;
  }

  private async replace(): Promise<void> {
    const { files, log, folder, bootId } = this.parts;
    const filePath = path.join(folder, COUNTERS_FILE);
    try {
      const rows = this.counters.rows();
      const text = encodeKeptCounters(bootId, rows);
      if (Buffer.byteLength(text) > MAX_COUNTERS_BYTES)
        throw new BadInputError(`they have more than ${MAX_COUNTERS_BYTES} bytes`);
      await files.replace(filePath, text);
      this.counters.noteWritten(rows);
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed)
        log.warn("Cannot save counters: some may fall at the next restart", {
          file: filePath,
          error: messageOf(error),
        });
      this.hasFailed = true;
    }
  }
}

export interface CounterFileParts {
  readonly folder: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Logger;
}
