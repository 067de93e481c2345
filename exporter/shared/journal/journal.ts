import path from "node:path";
import { codeOf } from "../model/errors.js";
import type { AppendFile, Files } from "../platform/files.js";
import { ByteWriter } from "./byte-writer.js";
import { appendRecord } from "./record.js";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from "./segment.js";

export interface JournalOptions {
  readonly files: Files;
  /** Must exist. */
  readonly folder: string;
  /** First part of the segment names: `journal` yields `journal-00000001`. */
  readonly prefix: string;
  /** Most bytes that wait for the disk; further records are refused. */
  readonly maxPendingBytes: number;
  /** Number of the first segment; no segment with this or a higher number may exist. */
  readonly firstSequence: number;
  readonly observer?: JournalObserver;
}

/** Learns which segments exist. Its promises must not reject. */
export interface JournalObserver {
  /** The segment exists and will grow. */
  begun(sequence: number): Promise<void>;
  /** The segment is complete. */
  ended(sequence: number, sizeBytes: number): Promise<void>;
  /** The segments will be deleted as soon as the promise resolves. */
  removing(sequences: readonly number[]): Promise<void>;
}

/** Position of a record. */
export interface RecordPlace {
  readonly sequence: number;
  readonly offsetBytes: number;
}

/**
 * The writing side of a journal: records are collected in memory and written together, with one
 * write and one sync.
 *
 * After a failed write or sync, the file is cut back to its durable length, and the next commit
 * writes the same bytes again. A full disk therefore loses nothing until `maxPendingBytes` are
 * waiting. See journal.format.md.
 */
export class Journal {
  private file: AppendFile | undefined;
  private currentSequence: number;
  /** Bytes of the current segment that survive a power cut. */
  private durableBytes = 0;
  private needsRepair = false;
  private pending = new ByteWriter(65_536);
  /** Bytes that are not synced yet; they come before `pending`. */
  private inFlight = new ByteWriter(0);
  /** Bytes of `inFlight` that are in the file. */
  private writtenBytes = 0;
  private isSyncWanted = false;
  private lastCommit: Promise<void> = Promise.resolve();
  private waitingCommit: Promise<void> | undefined;

  constructor(private readonly options: JournalOptions) {
    this.currentSequence = options.firstSequence;
  }

  /** Number of the segment for the next record. */
  get sequence(): number {
    return this.currentSequence;
  }

  get pendingBytes(): number {
    return this.inFlight.length + this.pending.length;
  }

  /** Bytes of the current segment, including bytes that are not durable yet. */
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

  /** @returns the record's place, or undefined when too many bytes are waiting for the disk */
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
    this.isSyncWanted = true;
    return this.write();
  }

  /**
   * Resolves when every record appended before the call survives the end of this process, but not a
   * power cut. Many small writes become one write of the disk when they are synced later.
   *
   * @throws the system's error
   */
  write(): Promise<void> {
    this.waitingCommit ??= this.lastCommit
      .catch(() => undefined) // The caller of that commit gets its error; this one tries again.
      .then(() => {
        this.waitingCommit = undefined;
        const isSynced = this.isSyncWanted;
        this.isSyncWanted = false;
        this.lastCommit = this.writePending(isSynced);
        return this.lastCommit;
      });
    return this.waitingCommit;
  }

  /** Commits; the next record begins a new segment. */
  async roll(): Promise<void> {
    await this.commit();
    if (this.durableBytes > 0 && this.pendingBytes === 0) await this.beginNextSegment();
  }

  /**
   * Abandons the current segment with its bytes that are not durable, because it was lost or cannot
   * be repaired.
   */
  async abandon(): Promise<void> {
    await this.lastCommit.catch(() => undefined);
    this.pending = new ByteWriter(65_536);
    this.inFlight = new ByteWriter(0);
    this.writtenBytes = 0;
    await this.beginNextSegment();
  }

  /** Removes segments that are no longer needed, never the open one. */
  async remove(sequences: readonly number[]): Promise<void> {
    const { files, folder, prefix, observer } = this.options;
    const closed = sequences.filter((sequence) => sequence < this.currentSequence);
    await observer?.removing(closed);
    for (const old of closed) await files.remove(path.join(folder, segmentName(prefix, old)));
  }

  /** Commits and closes. The journal must not be used again. */
  async close(): Promise<void> {
    try {
      await this.commit();
    } finally {
      const { file, currentSequence, durableBytes } = this;
      this.file = undefined;
      await file?.close();
      if (file !== undefined) await this.options.observer?.ended(currentSequence, durableBytes);
    }
  }

  private get baseBytes(): number {
    return Math.max(SEGMENT_HEADER_BYTES, this.durableBytes) + this.inFlight.length;
  }

  private async beginNextSegment(): Promise<void> {
    const { file, currentSequence, durableBytes, needsRepair } = this;
    this.file = undefined;
    this.currentSequence++;
    this.durableBytes = 0;
    this.needsRepair = false;
    await file?.close();
    // The end of an abandoned segment is not known.
    if (file !== undefined && !needsRepair)
      await this.options.observer?.ended(currentSequence, durableBytes);
  }

  private async writePending(isSynced: boolean): Promise<void> {
    if (this.inFlight.length === 0) [this.inFlight, this.pending] = [this.pending, this.inFlight];
    else this.inFlightTakes();
    if (this.inFlight.length === 0) return;
    const file = await this.openSegment();
    const bytes = this.inFlight.written().subarray(this.writtenBytes);
    this.needsRepair = true;
    if (bytes.length > 0) await file.append(bytes);
    this.writtenBytes += bytes.length;
    if (isSynced) {
      await file.sync();
      this.durableBytes = file.sizeBytes;
      this.inFlight.length = 0;
      this.writtenBytes = 0;
    }
    this.needsRepair = false;
  }

  /** After a failed commit, appends the pending bytes to those of that commit. */
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
    await this.options.observer?.begun(this.currentSequence);
    return file;
  }

  /** Everything that is not synced is written again. */
  private async cutBack(): Promise<void> {
    const { file } = this;
    this.writtenBytes = 0;
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

/** The open segment no longer exists, or is shorter than its synced part. */
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
