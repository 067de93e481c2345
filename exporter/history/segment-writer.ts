import { createHash } from "node:crypto";
import path from "node:path";
import { encodeMember } from "../shared/codec/history/gzip-member.js";
import { formatMemberHeader } from "../shared/codec/history/member-text.js";
import { formatSegmentName } from "../shared/codec/history/segment-name.js";
import type { AppendFile, Files } from "../shared/platform/files.js";
import { joinFacts, memberFacts, type SegmentFacts, type StoredSegment } from "./segment-facts.js";
import type { Batch } from "./sample-buffer.js";

interface SegmentWriterParts {
  readonly files: Files;
  readonly folder: string;
  readonly sequence: number;
  readonly startMs: number;
  readonly startedMonotonicMs: number;
}

/** The open segment. `stored.sizeBytes` counts only whole members. */
export class SegmentWriter {
  readonly stored: StoredSegment;
  readonly startedMonotonicMs: number;
  private readonly hash = createHash("sha256");
  private range: Omit<SegmentFacts, "sha256"> | undefined;
  private needsCut = false;
  private isFolderSynced = false;
  private syncedBytes = 0;

  private constructor(
    private readonly parts: SegmentWriterParts,
    private readonly file: AppendFile,
  ) {
    const { folder, startMs, sequence, startedMonotonicMs } = parts;
    const name = formatSegmentName({ sequence, startMs });
    this.stored = { name, folder, startMs, sizeBytes: 0 };
    this.startedMonotonicMs = startedMonotonicMs;
  }

  static async begin(parts: SegmentWriterParts): Promise<SegmentWriter> {
    const { files, folder } = parts;
    await files.makeFolder(folder); // It may have been removed while the exporter was running.
    const name = formatSegmentName(parts);
    return new SegmentWriter(parts, await files.openAppend(path.join(folder, name)));
  }

  /** Undefined until a member is written. */
  get facts(): SegmentFacts | undefined {
    if (this.range === undefined) return undefined;
    return { ...this.range, sha256: this.hash.copy().digest("hex") };
  }

  get isSynced(): boolean {
    return this.syncedBytes === this.stored.sizeBytes;
  }

  /**
   * Appends a batch as one member. If the disk refuses, the segment is unchanged.
   *
   * @returns bytes written
   */
  async append({ header, lines, fromMs, lastMs }: Batch): Promise<number> {
    await this.cut();
    const member = encodeMember(formatMemberHeader(header) + lines.join(""));
    this.needsCut = true; // In case the write ends in the middle.
    await this.file.append(member);
    this.needsCut = false;
    this.stored.sizeBytes += member.length;
    this.hash.update(member);
    this.range = joinFacts(this.range, memberFacts(header, { fromMs, lastMs }));
    return member.length;
  }

  /**
   * Makes written members survive a power cut.
   *
   * @throws when the file no longer exists
   */
  async sync(): Promise<void> {
    const { files, folder } = this.parts;
    await this.file.sync();
    if (!this.isFolderSynced) await files.syncFolder(folder);
    this.isFolderSynced = true;
    this.syncedBytes = this.stored.sizeBytes;
    const facts = await files.facts(path.join(folder, this.stored.name));
    if (facts === undefined) throw new Error(`Cannot find "${this.stored.name}": it was removed`);
  }

  async close(): Promise<void> {
    try {
      await this.cut();
      if (!this.isSynced) await this.sync();
    } finally {
      await this.file.close();
    }
  }

  /** False when its file no longer exists, or cannot be cut back to its whole members. */
  async isUsable(): Promise<boolean> {
    const { files, folder } = this.parts;
    try {
      await this.cut();
      return (await files.facts(path.join(folder, this.stored.name))) !== undefined;
    } catch {
      return false; // The caller reports the original error.
    }
  }

  /** Removes the rest of a failed write. */
  private async cut(): Promise<void> {
    if (!this.needsCut) return;
    await this.file.truncate(this.stored.sizeBytes);
    this.needsCut = false;
  }
}
