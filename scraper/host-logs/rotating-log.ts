import path from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { codeOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { firstTimeKey, mergeLines, splitLinesAt } from "./merge-lines.js";

const compress = promisify(gzip);
const decompress = promisify(gunzip);
/** Rotated files with more content than this are not merged into. */
const MAX_MERGED_BYTES = 268_435_456;
const SEQUENCE_DIGITS = 6;

export interface RotationLimits {
  /** Size at which the file is rotated. */
  readonly maxFileBytes: number;
  /** Rotated files; the oldest are deleted. */
  readonly maxOldFiles: number;
}

/**
 * One log file and its rotated predecessors: `memory.log`, `memory.log.000001-20260112T150028Z.gz`
 * and so on. The number counts up, so names are unique and sort by age even after the clock was set
 * back.
 *
 * Calls must not overlap: the owner awaits each call before the next.
 */
export class RotatingLog {
  private sizeBytes: number | undefined;
  /** True after a failed write: the file may end in an incomplete line. */
  private isTorn = false;

  constructor(
    private readonly folder: string,
    /** For example `memory.log`. */
    private readonly name: string,
    private readonly files: Files,
    private readonly limits: RotationLimits,
  ) {}

  /**
   * Appends lines.
   *
   * @param text whole lines with their line feeds
   * @throws the system's error; some of the lines may have been written
   */
  async append(text: string): Promise<void> {
    const sizeBytes = this.sizeBytes ?? (await this.sizeOnDisk());
    const content = this.isTorn && sizeBytes > 0 ? `\n${text}` : text;
    this.sizeBytes = undefined; // Until the write is known to be complete.
    this.isTorn = true;
    try {
      await this.files.appendUnsynced(this.path, content);
      this.sizeBytes = sizeBytes + Buffer.byteLength(content);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      // The folder does not exist yet, or somebody deleted the host.
      await this.files.makeFolder(this.folder);
      await this.files.appendUnsynced(this.path, text);
      this.sizeBytes = Buffer.byteLength(text);
    }
    this.isTorn = false;
  }

  /**
   * Same as `append`, on this thread. Not allowed while `needsCare`.
   *
   * @throws the system's error; some of the lines may have been written
   */
  appendSync(text: string): void {
    const { files, path: file } = this;
    this.sizeBytes = undefined; // Until the write is known to be complete.
    this.isTorn = true;
    try {
      this.sizeBytes = files.appendSync(file, text);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      files.makeFolderSync(this.folder);
      this.sizeBytes = files.appendSync(file, text);
    }
    this.isTorn = false;
  }

  /** True when lines cannot simply be appended. */
  get needsCare(): boolean {
    return this.isTorn;
  }

  /** True when `rotateWhenLarge` has something to do. */
  get isLarge(): boolean {
    return (this.sizeBytes ?? 0) >= this.limits.maxFileBytes;
  }

  /**
   * Merges lines in the order of time into the file and its rotated predecessors. Each file is
   * replaced as a whole, and lines of a time that is present are dropped, so an interrupted merge
   * can be repeated.
   *
   * @param lines without line feeds, each with its time, in ascending order
   * @returns the number of lines added
   * @throws the system's error; some of the lines may have been added
   */
  async insert(lines: readonly string[]): Promise<number> {
    let rest = lines;
    let added = 0;
    const older = (await this.oldFilesIfAny()).map((name) => path.join(this.folder, name));
    for (const file of [this.path, ...older.reverse()]) {
      if (rest.length === 0) break;
      const isOldest = file === (older.at(-1) ?? this.path);
      const content = await this.readLines(file);
      const begin = isOldest ? "" : firstTimeKey(content ?? "");
      if (content === undefined || begin === undefined) continue;
      const [before, own] = splitLinesAt(rest, begin);
      rest = before;
      if (own.length > 0) added += await this.mergeInto(file, content, own);
    }
    return added;
  }

  private async mergeInto(
    file: string,
    content: string,
    lines: readonly string[],
  ): Promise<number> {
    const { text, addedLines } = mergeLines(content, lines);
    if (addedLines === 0) return 0;
    if (file === this.path) this.sizeBytes = undefined;
    await this.files.makeFolder(this.folder);
    await this.files.replace(file, file.endsWith(".gz") ? await compress(text) : text);
    if (file === this.path) {
      this.sizeBytes = Buffer.byteLength(text);
      this.isTorn = false;
    }
    return addedLines;
  }

  /** Empty when there is no such file, undefined when it is damaged. */
  private async readLines(file: string): Promise<string | undefined> {
    if ((await this.files.facts(file)) === undefined) return "";
    const bytes = await this.files.readBytes(file);
    if (!file.endsWith(".gz")) return Buffer.from(bytes).toString("utf8");
    const content = await decompress(bytes, { maxOutputLength: MAX_MERGED_BYTES }).catch(
      () => undefined,
    );
    return content?.toString("utf8");
  }

  private async oldFilesIfAny(): Promise<string[]> {
    return (await this.files.facts(this.folder)) === undefined ? [] : this.oldFiles();
  }

  private async sizeOnDisk(): Promise<number> {
    return (await this.files.facts(this.path))?.sizeBytes ?? 0;
  }

  /**
   * Rotates the file if it is large enough.
   *
   * @param nowMs wall clock time for the name of the rotated file
   * @throws the system's error; the lines are kept, and the next call tries again
   */
  async rotateWhenLarge(nowMs: number): Promise<void> {
    if (!this.isLarge) return;
    const old = await this.oldFiles();
    const last = old.at(-1);
    const sequence = last === undefined ? 1 : sequenceOf(last, this.name) + 1;
    const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const aside = `${this.name}.${String(sequence).padStart(SEQUENCE_DIGITS, "0")}-${time}`;
    await this.files.rename(this.path, path.join(this.folder, aside));
    this.sizeBytes = 0;
    old.push(aside);
    // Deletes first: a full disk cannot take the compressed file before the oldest one is gone.
    const excess = old.splice(0, Math.max(0, old.length - this.limits.maxOldFiles));
    for (const name of excess) await this.files.remove(path.join(this.folder, name));
    // Also compresses a file whose compression an earlier run did not finish.
    for (const name of old)
      if (!name.endsWith(".gz")) await this.compressFile(path.join(this.folder, name));
  }

  private get path(): string {
    return this.folder + path.sep + this.name;
  }

  private async compressFile(file: string): Promise<void> {
    await this.files.replace(`${file}.gz`, await compress(await this.files.readBytes(file)));
    await this.files.remove(file);
  }

  /**
   * Oldest first. If both forms of a file exist, compression was interrupted and the plain one is
   * valid.
   */
  private async oldFiles(): Promise<string[]> {
    const entries = await this.files.list(this.folder);
    const names = entries
      .map(({ name }) => name)
      .filter((name) => !Number.isNaN(sequenceOf(name, this.name)));
    const plain = new Set(names.filter((name) => !name.endsWith(".gz")));
    const whole = names.filter(
      (name) => !name.endsWith(".gz") || !plain.has(name.slice(0, -".gz".length)),
    );
    return whole.sort((left, right) => sequenceOf(left, this.name) - sequenceOf(right, this.name));
  }
}

/** NaN when the name is not that of a rotated file. */
function sequenceOf(name: string, logName: string): number {
  if (!name.startsWith(`${logName}.`)) return Number.NaN;
  return Number(
    /^(\d{6,15})-\d{8}T\d{6}Z(\.gz)?$/.exec(name.slice(logName.length + 1))?.[1] ?? Number.NaN,
  );
}
