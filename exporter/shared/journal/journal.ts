import path from "node:path";
import { codeOf } from "../model/errors.js";
import type { AppendFile, Files } from "../platform/files.js";
import { ByteWriter } from "./byte-writer.js";
import { appendRecord } from "./record.js";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from "./segment.js";

export interface JournalOptions {
  readonly files: Files;
  /** Exists already. */
  readonly folder: string;
  /** First part of the names of its segments: `journal` makes `journal-00000001`. */
  readonly prefix: string;
  /** Bytes that may wait for the disk; records beyond are refused. */
  readonly maxPendingBytes: number;
  /** Number of the first segment this journal writes; none of that number or above exists. */
  readonly firstSequence: number;
}

/** Where a record begins. */
export interface RecordPlace {
  readonly sequence: number;
  readonly offsetBytes: number;
}

/**
 * The writing end of a journal: records collect in memory and reach the disk together, in one write
 * and one sync.
 *
 * After a failed write or sync the file is cut back to what is known durable and the same bytes are
 * written again by the next commit, so a full disk costs nothing until `maxPendingBytes` are
 * waiting. See journal.format.md.
 */
export class Journal {
  private file: AppendFile | undefined;
  private currentSequence: number;
  /** Bytes of the current segment that survive a power cut. */
  private durableBytes = 0;
  private needsRepair = false;
  private pending = new ByteWriter(65_536);
  /** What the commit under way is writing; it comes before `pending`. */
  private inFlight = new ByteWriter(0);
  private lastCommit: Promise<void> = Promise.resolve();
  private waitingCommit: Promise<void> | undefined;

  constructor(private readonly options: JournalOptions) {
    this.currentSequence = options.firstSequence;
  }

  /** Number of the segment that the next record goes to. */
  get sequence(): number {
    return this.currentSequence;
  }

  get pendingBytes(): number {
    return this.inFlight.length + this.pending.length;
  }

  /** Bytes of the current segment, those not yet durable included. */
  get segmentBytes(): number {
    return this.baseBytes + this.pending.length;
  }

  /** Continues after segment `sequence`. Only before the first record. */
  startAfter(sequence: number): void {
    if (this.durableBytes > 0 || this.pendingBytes > 0)
      throw new RangeError(
        `Cannot skip journal segments: segment ${this.currentSequence} is in use`,
      );
    this.currentSequence = Math.max(this.currentSequence, sequence + 1);
  }

  /** @returns the record's place, or undefined when too much is waiting for the disk already */
  append(kind: number, write: (writer: ByteWriter) => void): RecordPlace | undefined {
    if (this.pendingBytes > this.options.maxPendingBytes) return undefined;
    const offsetBytes = this.segmentBytes;
    appendRecord(this.pending, this.baseBytes, kind, write);
    return { sequence: this.currentSequence, offsetBytes };
  }

  /**
   * Resolves when every record appended before the call is durable.
   *
   * @throws the system's error
   */
  commit(): Promise<void> {
    this.waitingCommit ??= this.lastCommit
      .catch(() => undefined) // Whoever asked for that commit has its error; this one tries again.
      .then(() => {
        this.waitingCommit = undefined;
        this.lastCommit = this.writePending();
        return this.lastCommit;
      });
    return this.waitingCommit;
  }

  /** Commits, then lets the next record begin a new segment. */
  async roll(): Promise<void> {
    await this.commit();
    if (this.durableBytes > 0 && this.pendingBytes === 0) await this.beginNextSegment();
  }

  /**
   * Gives up the current segment with whatever was not durable: for a segment that was lost or
   * cannot be repaired.
   */
  async abandon(): Promise<void> {
    await this.lastCommit.catch(() => undefined);
    this.pending = new ByteWriter(65_536);
    this.inFlight = new ByteWriter(0);
    await this.beginNextSegment();
  }

  /** Removes segments that are no longer needed; never the one being written. */
  async remove(sequences: readonly number[]): Promise<void> {
    const { files, folder, prefix } = this.options;
    for (const old of sequences) {
      if (old < this.currentSequence)
        await files.remove(path.join(folder, segmentName(prefix, old)));
    }
  }

  /** Commits and closes. The journal is not to be used again. */
  async close(): Promise<void> {
    try {
      await this.commit();
    } finally {
      await this.file?.close();
      this.file = undefined;
    }
  }

  private get baseBytes(): number {
    return Math.max(SEGMENT_HEADER_BYTES, this.durableBytes) + this.inFlight.length;
  }

  private async beginNextSegment(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    this.currentSequence++;
    this.durableBytes = 0;
    this.needsRepair = false;
    await file?.close();
  }

  private async writePending(): Promise<void> {
    if (this.inFlight.length === 0) [this.inFlight, this.pending] = [this.pending, this.inFlight];
    else this.inFlightTakes();
    if (this.inFlight.length === 0) return;
    const bytes = this.inFlight.written();
    const file = await this.openSegment();
    this.needsRepair = true;
    await file.append(bytes);
    await file.sync();
    this.needsRepair = false;
    this.durableBytes = file.sizeBytes;
    this.inFlight.length = 0;
  }

  /** A failed commit left bytes in flight: what came since goes behind them. */
  private inFlightTakes(): void {
    this.inFlight.raw(this.pending.written());
    this.pending.length = 0;
  }

  private async openSegment(): Promise<AppendFile> {
    if (this.needsRepair) await this.cutBack();
    if (this.file !== undefined) return this.file;
    const { files, folder, prefix } = this.options;
    const file = await files.openAppend(
      path.join(folder, segmentName(prefix, this.currentSequence)),
    );
    this.file = file;
    this.needsRepair = true;
    await file.truncate(0);
    await file.append(encodeSegmentHeader(this.currentSequence));
    await file.sync();
    await files.syncFolder(folder);
    this.durableBytes = file.sizeBytes;
    return file;
  }

  private async cutBack(): Promise<void> {
    const { file } = this;
    if (file === undefined) return;
    if (this.durableBytes < SEGMENT_HEADER_BYTES) {
      this.file = undefined;
      await file.close();
      return;
    }
    if (file.sizeBytes < this.durableBytes) throw new SegmentLostError(this.currentSequence);
    await file.truncate(this.durableBytes);
  }
}

/** The segment being written is no longer there or shorter than what had been synced. */
class SegmentLostError extends Error {
  constructor(sequence: number) {
    super(
      `Cannot write journal segment ${sequence}: it is shorter than it was, nothing else may change it`,
    );
    this.name = "SegmentLostError";
  }
}

/** True when no further commit to the same segment can succeed. */
export function isSegmentLost(error: unknown): boolean {
  return error instanceof SegmentLostError || codeOf(error) === "ENOENT";
}
