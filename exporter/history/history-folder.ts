import path from "node:path";
import { parseSegmentName } from "../shared/codec/history/segment-name.js";
import { codeOf, messageOf } from "../shared/model/errors.js";
import { type FileFacts, TEMPORARY_SUFFIX, type Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { makeStateFolder } from "../shared/platform/state-file.js";
import { checkSegment, type SegmentFacts, type StoredSegment } from "./segment-facts.js";

const SET_ASIDE_SUFFIX = ".damaged";
/** Most damaged segments kept; the oldest is deleted first. */
const MAX_SET_ASIDE = 4;

/** The closed segments in a state folder and its backup folder, oldest first. */
export class HistoryFolder {
  private readonly facts = new Map<string, SegmentFacts>();
  private readonly segments: StoredSegment[] = [];
  private nextSequenceNumber = 1;
  /** Damaged segments found since the start. */
  damagedSegments = 0;

  constructor(
    private readonly files: Files,
    readonly folder: string,
    readonly backupFolder: string | undefined,
    private readonly log: Logger,
  ) {}

  /**
   * Lists the segments and cuts a torn tail off the newest one. If the disk refuses, that is logged
   * and the file stays as it is.
   */
  async open(): Promise<void> {
    for (const folder of this.folders()) {
      await this.attempt("find history", folder, () => this.findSegments(folder));
    }
    this.segments.sort((left, right) => (left.name < right.name ? -1 : 1));
    const newest = this.segments.at(-1);
    if (newest !== undefined) {
      await this.attempt("check history", newest.name, () => this.factsOf(newest));
    }
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

  /** Adds a closed segment, and moves it to the backup folder if there is one. */
  async add(segment: StoredSegment, facts: SegmentFacts | undefined): Promise<void> {
    if (facts !== undefined) this.facts.set(segment.name, facts);
    this.segments.push(await this.moveToBackup(segment));
  }

  /**
   * Checks a segment on its first use. A torn tail is cut off. Of a segment that is damaged inside,
   * the valid members are kept, and the original is renamed.
   *
   * @returns undefined when no member is valid, or the file is missing; then the segment is not
   * listed any more
   */
  async factsOf(segment: StoredSegment): Promise<SegmentFacts | undefined> {
    const known = this.facts.get(segment.name);
    if (known !== undefined) return known;
    const filePath = path.join(segment.folder, segment.name);
    try {
      const { sizeBytes } = segment;
      const { facts, wholeBytes, isDamagedInside } = await checkSegment(
        this.files,
        filePath,
        sizeBytes,
      );
      if (facts === undefined) await this.dropEmpty(segment);
      else if (isDamagedInside) await this.salvage(segment);
      else if (wholeBytes < sizeBytes) await this.cutTail(segment, wholeBytes);
      if (facts !== undefined) this.facts.set(segment.name, facts);
      return facts;
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      this.log.warn("History segment missing", { segment: segment.name });
      this.forget(segment);
      return undefined;
    }
  }

  async remove(segment: StoredSegment): Promise<void> {
    await this.files.remove(path.join(segment.folder, segment.name));
    this.forget(segment);
  }

  private folders(): string[] {
    return this.backupFolder === undefined ? [this.folder] : [this.folder, this.backupFolder];
  }

  private async findSegments(folder: string): Promise<void> {
    if ((await this.files.facts(folder))?.isFolder !== true) await this.makeFolder(folder);
    for (const { name, isFolder } of await this.files.list(folder)) {
      const filePath = path.join(folder, name);
      if (name.endsWith(TEMPORARY_SUFFIX) && !isFolder) await this.files.remove(filePath);
      const parsed = parseSegmentName(name);
      if (parsed === undefined) continue;
      this.nextSequenceNumber = Math.max(this.nextSequenceNumber, parsed.sequence + 1);
      if (this.segments.some((known) => known.name === name)) continue; // A move that was interrupted.
      const facts = await this.files.facts(filePath).catch(() => undefined);
      const isUsable = facts?.isFile === true && (await this.files.isReadable(filePath));
      if (isUsable)
        this.segments.push({ name, folder, startMs: parsed.startMs, sizeBytes: facts.sizeBytes });
      else await this.dropUnusable({ name, folder }, facts);
    }
  }

  /** The backup folder is the user's: what stands in its place stays there. */
  private makeFolder(folder: string): Promise<void> {
    return folder === this.folder
      ? makeStateFolder(this.files, folder, this.log)
      : this.files.makeFolder(folder);
  }

  /** Drops a segment that can never be read, such as a folder in its place. */
  private async dropUnusable(
    segment: Pick<StoredSegment, "name" | "folder">,
    facts: FileFacts | undefined,
  ): Promise<void> {
    const reason =
      facts === undefined
        ? "it is a link to nothing"
        : facts.isFile
          ? "permission denied"
          : "it is not a file";
    this.countDamage(segment, "nothing of it", reason);
    await this.attempt("set history aside", segment.name, () => this.setAside(segment));
  }

  private async cutTail(segment: StoredSegment, wholeBytes: number): Promise<void> {
    const cutBytes = segment.sizeBytes - wholeBytes;
    this.log.warn("Torn end of a history segment found", {
      segment: segment.name,
      cutBytes,
    });
    segment.sizeBytes = wholeBytes; // The rest is never served, even if it cannot be cut off.
    await this.attempt("cut history", segment.name, async () => {
      const file = await this.files.openAppend(path.join(segment.folder, segment.name));
      try {
        await file.truncate(wholeBytes);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Drops a segment without a valid member. An empty file is the result of a power cut, any other
   * is damaged.
   */
  private async dropEmpty(segment: StoredSegment): Promise<void> {
    this.forget(segment);
    const filePath = path.join(segment.folder, segment.name);
    if (segment.sizeBytes === 0) {
      await this.attempt("remove history", segment.name, () => this.files.remove(filePath));
      return;
    }
    this.countDamage(segment, "nothing of it");
    await this.attempt("set history aside", segment.name, () => this.setAside(segment));
  }

  /** Reads a whole damaged segment into memory. */
  private async salvage(segment: StoredSegment): Promise<void> {
    const filePath = path.join(segment.folder, segment.name);
    const members: Uint8Array[] = [];
    const collect = (member: Uint8Array): unknown => members.push(member);
    await checkSegment(this.files, filePath, segment.sizeBytes, collect);
    const whole = Buffer.concat(members);
    this.countDamage(segment, `${whole.length} of ${segment.sizeBytes} bytes`);
    await this.setAside(segment);
    await this.files.replace(filePath, whole);
    segment.sizeBytes = whole.length;
  }

  private countDamage(
    { folder, name }: Pick<StoredSegment, "name" | "folder">,
    kept: string,
    error = "its content is damaged",
  ): void {
    this.damagedSegments++;
    const now = path.join(folder, name + SET_ASIDE_SUFFIX);
    this.log.warn("Unusable history segment moved aside", { segment: name, error, kept, now });
  }

  private async setAside({ folder, name }: Pick<StoredSegment, "name" | "folder">): Promise<void> {
    await this.files.rename(path.join(folder, name), path.join(folder, name + SET_ASIDE_SUFFIX));
    const entries = await this.files.list(folder);
    const aside = entries.filter(
      (entry) => !entry.isFolder && entry.name.endsWith(SET_ASIDE_SUFFIX),
    );
    const excess = aside.slice(0, Math.max(0, aside.length - MAX_SET_ASIDE));
    for (const entry of excess) await this.files.remove(path.join(folder, entry.name));
  }

  private async moveToBackup(segment: StoredSegment): Promise<StoredSegment> {
    if (this.backupFolder === undefined) return segment;
    const { folder, name } = segment;
    const fromPath = path.join(folder, name);
    try {
      // The folders are on different disks, so a rename is not possible.
      const bytes = await this.files.readBytes(fromPath);
      await this.files.makeFolder(this.backupFolder);
      await this.files.replace(path.join(this.backupFolder, name), bytes);
      await this.files.remove(fromPath);
      return { ...segment, folder: this.backupFolder };
    } catch (error) {
      this.log.warn(
        "Cannot move a history segment to the backup folder: it stays in the state folder",
        {
          segment: name,
          error: messageOf(error),
        },
      );
      return segment;
    }
  }

  private async attempt(
    action: string,
    subject: string,
    work: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.log.warn(`Cannot ${action}`, { subject, error: messageOf(error) });
    }
  }

  private forget(segment: StoredSegment): void {
    const index = this.segments.indexOf(segment);
    if (index >= 0) this.segments.splice(index, 1);
    this.facts.delete(segment.name);
  }
}
