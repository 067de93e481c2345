import { createHash } from "node:crypto";
import path from "node:path";
import { codeOf, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { scanMembers } from "../shared/codec/gzip-member.js";
import { parseMemberHeader } from "../shared/codec/member-text.js";
import { parseSegmentName } from "../shared/codec/segment-name.js";

/** What is known of one segment without reading it. */
export interface StoredSegment {
  readonly name: string;
  readonly folder: string;
  readonly startMs: number;
  sizeBytes: number;
}

/** What only reading it tells. */
export interface SegmentFacts {
  readonly bootId: string;
  /** Times of the first and the last sample, both included. */
  readonly fromMs: number;
  readonly lastMs: number;
  /** Of the whole members. */
  readonly sha256: string;
}

const SET_ASIDE_SUFFIX = ".damaged";
/** Segments set aside that are kept; the oldest goes when there are more. */
const MAX_SET_ASIDE = 4;

/** The closed segments of a state folder and its backup folder, oldest first. */
export class HistoryFolder {
  private readonly facts = new Map<string, SegmentFacts>();
  private readonly segments: StoredSegment[] = [];
  private nextSequenceNumber = 1;
  /** Segments set aside since the start because they did not check. */
  damagedSegments = 0;

  constructor(
    private readonly files: Files,
    readonly folder: string,
    readonly backupFolder: string | undefined,
    private readonly log: Logger,
  ) {}

  /** Finds what is there, cuts a torn tail off the newest segment, and sets aside what cannot be read at all. */
  async open(): Promise<void> {
    await this.files.makeFolder(this.folder);
    if (this.backupFolder !== undefined) await this.files.makeFolder(this.backupFolder);
    for (const folder of this.folders()) await this.findSegments(folder);
    this.segments.sort((left, right) => (left.name < right.name ? -1 : 1));
    const newest = this.segments.at(-1);
    if (newest !== undefined) await this.repair(newest);
    await this.limitSetAside();
  }

  list(): readonly StoredSegment[] {
    return this.segments;
  }

  totalBytes(): number {
    return this.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  takeSequenceNumber(): number {
    return this.nextSequenceNumber++;
  }

  /** Adds a segment its writer has closed, moving it to the backup folder where there is one. */
  async add(segment: StoredSegment): Promise<void> {
    this.segments.push(await this.moveToBackup(segment));
  }

  /** Undefined when the segment cannot be read: then it has been set aside. */
  async factsOf(segment: StoredSegment): Promise<SegmentFacts | undefined> {
    const known = this.facts.get(segment.name);
    if (known !== undefined) return known;
    const found = await this.readFacts(segment);
    if (found === undefined) {
      await this.setAside(segment, "it holds no sample that checks");
      return undefined;
    }
    this.facts.set(segment.name, found);
    return found;
  }

  /** Reads a segment that may still grow, up to its size now. */
  async readFacts({ folder, name, sizeBytes }: StoredSegment): Promise<SegmentFacts | undefined> {
    const bytes = await this.files.readBytes(path.join(folder, name));
    return factsFrom(bytes.subarray(0, sizeBytes));
  }

  async remove(segment: StoredSegment): Promise<void> {
    await this.files.remove(path.join(segment.folder, segment.name));
    this.forget(segment);
  }

  private folders(): string[] {
    return this.backupFolder === undefined ? [this.folder] : [this.folder, this.backupFolder];
  }

  private async findSegments(folder: string): Promise<void> {
    for (const { name, isFolder } of await this.files.list(folder)) {
      const parsed = parseSegmentName(name);
      if (isFolder || parsed === undefined) continue;
      const sizeBytes = (await this.files.facts(path.join(folder, name)))?.sizeBytes ?? 0;
      this.segments.push({ name, folder, startMs: parsed.startMs, sizeBytes });
      this.nextSequenceNumber = Math.max(this.nextSequenceNumber, parsed.sequence + 1);
    }
  }

  private async repair(segment: StoredSegment): Promise<void> {
    const filePath = path.join(segment.folder, segment.name);
    const bytes = await this.files.readBytes(filePath);
    const { wholeBytes } = scanMembers(bytes);
    if (wholeBytes === bytes.length && wholeBytes > 0) return;
    this.log.warn("History segment ends torn, as a power cut leaves it", {
      segment: segment.name,
      cutBytes: bytes.length - wholeBytes,
    });
    if (wholeBytes === 0) {
      await this.remove(segment);
      return;
    }
    const file = await this.files.openAppend(filePath);
    await file.truncate(wholeBytes);
    await file.sync();
    await file.close();
    segment.sizeBytes = wholeBytes;
  }

  private async moveToBackup(segment: StoredSegment): Promise<StoredSegment> {
    if (this.backupFolder === undefined) return segment;
    const fromPath = path.join(segment.folder, segment.name);
    const toPath = path.join(this.backupFolder, segment.name);
    try {
      await this.files.replace(toPath, await this.files.readBytes(fromPath)); // Another disk: a rename will not do.
      await this.files.remove(fromPath);
      return { ...segment, folder: this.backupFolder };
    } catch (error) {
      this.log.warn("Cannot move history segment to the backup folder, it stays", {
        segment: segment.name,
        error: messageOf(error),
      });
      return segment;
    }
  }

  private async setAside(segment: StoredSegment, reason: string): Promise<void> {
    this.damagedSegments++;
    const filePath = path.join(segment.folder, segment.name);
    this.log.warn("History segment set aside", { segment: segment.name, reason });
    try {
      await this.files.rename(filePath, filePath + SET_ASIDE_SUFFIX);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    this.forget(segment);
  }

  private async limitSetAside(): Promise<void> {
    for (const folder of this.folders()) {
      const entries = await this.files.list(folder);
      const aside = entries.filter(({ name }) => name.endsWith(SET_ASIDE_SUFFIX));
      const excess = aside.slice(0, Math.max(0, aside.length - MAX_SET_ASIDE));
      for (const { name } of excess) await this.files.remove(path.join(folder, name));
    }
  }

  private forget(segment: StoredSegment): void {
    const index = this.segments.indexOf(segment);
    if (index >= 0) this.segments.splice(index, 1);
    this.facts.delete(segment.name);
  }
}

function factsFrom(bytes: Uint8Array): SegmentFacts | undefined {
  const { texts, wholeBytes } = scanMembers(bytes);
  const header = parseMemberHeader(texts[0]?.slice(0, texts[0].indexOf("\n")) ?? "");
  if (header === undefined) return undefined;
  let fromMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const text of texts) {
    for (const [, digits] of text.matchAll(/^[^#\n].* (\d+)$/gm)) {
      fromMs = Math.min(fromMs, Number(digits));
      lastMs = Math.max(lastMs, Number(digits));
    }
  }
  if (lastMs < fromMs) return undefined;
  const sha256 = createHash("sha256").update(bytes.subarray(0, wholeBytes)).digest("hex");
  return { bootId: header.bootId, fromMs, lastMs, sha256 };
}
