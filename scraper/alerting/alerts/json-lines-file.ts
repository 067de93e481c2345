/**
 * A file of records that change one at a time. Changed records come in through `append`; lines go
 * to the end of the file, and now and then to a new file. The caller's own loop runs it. See
 * json-lines-file.format.md.
 */
import path from "node:path";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError, PihealthError, messageOf } from "../../../exporter/shared/model/errors.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import type { AppendFile, Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { nextAside } from "../../../exporter/shared/platform/move-aside.js";
import {
  makeStateFolder,
  readOwnFile,
  setStateAside,
} from "../../../exporter/shared/platform/state-file.js";

/** Version of every record of the alerting side. See json-lines-file.format.md. */
export const RECORD_VERSION = 1;

/**
 * A line carries the identity of its record. A later line replaces an earlier one with the same id.
 */
export interface JsonLine {
  readonly id: string;
}

/** Appended lines may not survive a power cut, because the disk is full or broken. */
export class NotDurableError extends PihealthError {
  readonly code = "not_durable";
}

/**
 * The file is rewritten when it has more than this many times the bytes of its last rewritten form,
 * plus `COMPACT_AFTER_BYTES`. A rewrite therefore never writes more than was appended before it.
 */
const COMPACT_FACTOR = 2;
export const COMPACT_AFTER_BYTES = 256 * 1024;
/** Text encoded or decoded in one turn of the event loop, which takes a few milliseconds. */
const SLICE_BYTES = 128 * 1024;
const LINE_FEED = 0x0a;
const OPENING_BRACE = 0x7b;
/** More than the records that any of these files may hold. */
export const MAX_FILE_BYTES = 2 ** 30;
/** A longer last line is no line that a power cut has torn. */
const MAX_TORN_BYTES = 1024 * 1024;

export interface JsonLinesParts<Item> {
  readonly files: Files;
  readonly log: Logger;
  readonly filePath: string;
  /** The records that a rewritten file contains. */
  readonly current: () => Iterable<Item>;
  readonly encode: (item: Item) => JsonLine;
  /** What the program does without the file, for the log: `silences are forgotten`. */
  readonly effect: string;
}

export interface LoadedRecords<Result> {
  /** In the order of the file. */
  readonly records: readonly Result[];
  /**
   * Lines that are not records: at most the last one after a power cut, more after damage to the
   * disk.
   */
  readonly damaged: number;
}

/**
 * A file of JSON objects, one per line, that grows until it is rewritten with the current records.
 * Its cost is proportional to the bytes that are appended, whatever the file holds. Appends that
 * wait for the disk at the same time share one sync.
 */
export class JsonLinesFile<Item> {
  private open: AppendFile | undefined;
  private fileBytes = 0;
  /** Size of the file when it was rewritten last, or of the records that it had at the start. */
  private compactBytes = 0;
  private queue: Item[] = [];
  private flushing: Promise<void> | undefined;

  constructor(private readonly parts: JsonLinesParts<Item>) {}

  /**
   * Reads the file and cuts a torn tail off. A missing file is empty. A file that cannot be used is
   * moved aside, a copy of one with damaged lines is kept; both are logged. Never rejects.
   *
   * @param decode throws {@link BadInputError} when the line is not a record
   */
  async load<Result>(decode: (fields: JsonFields) => Result): Promise<LoadedRecords<Result>> {
    const { files, filePath, log, effect } = this.parts;
    try {
      await makeStateFolder(files, path.dirname(filePath), log);
      const whole = (await readOwnFile(files, filePath, MAX_FILE_BYTES)) ?? Buffer.alloc(0);
      return await this.readRecords(whole, decode);
    } catch (error) {
      await setStateAside({ files, filePath, log, effect }, error);
      return { records: [], damaged: 0 };
    }
  }

  private async readRecords<Result>(
    whole: Buffer,
    decode: (fields: JsonFields) => Result,
  ): Promise<LoadedRecords<Result>> {
    this.fileBytes = whole.lastIndexOf(LINE_FEED) + 1;
    const bytes = whole.subarray(0, this.fileBytes);
    const tail = whole.subarray(this.fileBytes);
    const records: Result[] = [];
    const good: Buffer[] = [];
    const bytesOfId = new Map<string, number>();
    let damaged = 0;
    let sliceStart = 0;
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(LINE_FEED, start);
      try {
        const fields = parseLine(bytes.toString("utf8", start, end), this.parts.filePath);
        records.push(decode(fields));
        good.push(bytes.subarray(start, end + 1));
        bytesOfId.set(fields.text("id"), end + 1 - start);
      } catch (error) {
        if (!(error instanceof BadInputError)) throw error;
        damaged++;
      }
      start = end + 1;
      if (start - sliceStart < SLICE_BYTES) continue;
      sliceStart = start;
      await yieldToEventLoop();
    }
    for (const lineBytes of bytesOfId.values()) this.compactBytes += lineBytes;
    if (damaged > 0 || isNoTornLine(tail)) await this.keepDamaged(whole, good, damaged);
    else if (tail.length > 0) await this.cutTail(tail.length);
    return { records, damaged: damaged + (tail.length > 0 ? 1 : 0) };
  }

  /** Keeps a copy of a file with damaged lines, and replaces the file by one with the others. */
  private async keepDamaged(whole: Buffer, good: Buffer[], damagedLines: number): Promise<void> {
    const { files, filePath, log, effect } = this.parts;
    if (good.length === 0) {
      this.fileBytes = 0;
      const error = new BadInputError("it has no readable line");
      await setStateAside({ files, filePath, log, effect }, error);
      return;
    }
    const fields = { file: filePath, lines: damagedLines, readable: good.length };
    try {
      const now = await nextAside(files, filePath);
      await files.replace(now, whole);
      await files.replace(filePath, Buffer.concat(good));
      this.fileBytes = sizeOf(good);
      log.error("Damaged lines skipped, a copy of the file is kept", { ...fields, now });
    } catch (error) {
      log.error("Damaged lines skipped", { ...fields, copy: messageOf(error) });
      await this.cutAt(this.fileBytes).catch(() => undefined); // The next start repairs the tail.
    }
  }

  private async cutTail(cutBytes: number): Promise<void> {
    const { filePath, log } = this.parts;
    log.warn("Torn last line cut off", { file: filePath, bytes: cutBytes });
    await this.cutAt(this.fileBytes).catch((error: unknown) => {
      log.warn("Cannot cut off torn last line", { file: filePath, error: messageOf(error) });
    });
  }

  /**
   * Resolves when the records survive a power cut.
   *
   * @throws {NotDurableError}
   */
  async append(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    for (const item of items) this.queue.push(item);
    const running = this.flushing;
    if (running !== undefined) await running.catch(() => undefined); // Its own caller has its error.
    if (this.queue.length > 0)
      this.flushing ??= this.flush().finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  async close(): Promise<void> {
    await this.flushing?.catch(() => undefined);
    await this.closeFile();
  }

  /** After a write that failed: cuts off what it may have left. */
  private async repair(): Promise<void> {
    const { files, filePath } = this.parts;
    await files.makeFolder(path.dirname(filePath));
    const bytes = (await readOwnFile(files, filePath, MAX_FILE_BYTES)) ?? Buffer.alloc(0);
    this.fileBytes = bytes.lastIndexOf(LINE_FEED) + 1;
    if (this.fileBytes < bytes.length) await this.cutAt(this.fileBytes);
  }

  private async flush(): Promise<void> {
    const batch = this.queue;
    this.queue = [];
    try {
      const pieces = await this.encode(batch);
      const grownBytes = this.fileBytes + sizeOf(pieces);
      const isLarge = grownBytes > COMPACT_FACTOR * this.compactBytes + COMPACT_AFTER_BYTES;
      if (!isLarge || !(await this.rewrite(grownBytes))) await this.write(pieces);
    } catch (error) {
      throw new NotDurableError(`Cannot write "${this.parts.filePath}": ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  private async encode(items: Iterable<Item>): Promise<Buffer[]> {
    const pieces: Buffer[] = [];
    let text = "";
    for (const item of items) {
      text += `${JSON.stringify(this.parts.encode(item))}\n`;
      if (text.length < SLICE_BYTES) continue;
      pieces.push(Buffer.from(text));
      text = "";
      await yieldToEventLoop();
    }
    if (text !== "") pieces.push(Buffer.from(text));
    return pieces;
  }

  /**
   * Replaces the file by one with the current records. These include the appended ones: callers
   * change their memory first.
   *
   * @param grownBytes size of the file without the rewrite
   * @returns false when the disk refused; the next rewrite then waits until the file has doubled
   */
  private async rewrite(grownBytes: number): Promise<boolean> {
    const { files, filePath, current } = this.parts;
    try {
      // A copy: records may change between two slices, and those changes are appended afterwards.
      const pieces = await this.encode([...current()]);
      await this.closeFile();
      await files.replace(filePath, Buffer.concat(pieces));
      this.fileBytes = this.compactBytes = sizeOf(pieces);
      return true;
    } catch {
      await this.repair();
      this.compactBytes = grownBytes;
      return false;
    }
  }

  private async write(pieces: readonly Buffer[]): Promise<void> {
    const { files, filePath } = this.parts;
    try {
      const isNew = this.open === undefined;
      this.open ??= await files.openAppend(filePath);
      for (const piece of pieces) await this.open.append(piece);
      await this.open.sync();
      if (isNew) await files.syncFolder(path.dirname(filePath));
    } catch (error) {
      await this.cutTornTail();
      throw error;
    }
    this.fileBytes += sizeOf(pieces);
  }

  /** Cuts off what a failed write may have left, so that the next line starts a new one. */
  private async cutTornTail(): Promise<void> {
    try {
      await this.closeFile();
      await this.cutAt(this.fileBytes);
    } catch {
      this.open = undefined; // The disk still fails. `load` repairs the tail at the next start.
    }
  }

  private async closeFile(): Promise<void> {
    const { open } = this;
    this.open = undefined;
    await open?.close();
  }

  private async cutAt(sizeBytes: number): Promise<void> {
    const file = await this.parts.files.openAppend(this.parts.filePath);
    if (file.sizeBytes > sizeBytes) {
      await file.truncate(sizeBytes);
      await file.sync();
    }
    await file.close();
  }
}

/** True for an end of the file that no interrupted write has left. */
const isNoTornLine = (tail: Buffer): boolean =>
  tail.length > MAX_TORN_BYTES || (tail.length > 0 && tail[0] !== OPENING_BRACE);

function parseLine(text: string, filePath: string): JsonFields {
  const fields = JsonFields.parse(text, `line of "${filePath}"`);
  fields.version(RECORD_VERSION, "v");
  return fields;
}

/**
 * Checks the content of a file of JSON lines. A last line that is torn is no damage.
 *
 * @throws {BadInputError} when a line is no record
 */
export function checkJsonLines(
  content: Buffer,
  filePath: string,
  decode: (fields: JsonFields) => unknown,
): void {
  const end = content.lastIndexOf(LINE_FEED) + 1;
  let damaged = isNoTornLine(content.subarray(end)) ? 1 : 0;
  for (let start = 0; start < end;) {
    const next = content.indexOf(LINE_FEED, start) + 1;
    try {
      decode(parseLine(content.toString("utf8", start, next - 1), filePath));
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      damaged++;
    }
    start = next;
  }
  if (damaged > 0) throw new BadInputError(`Cannot read ${damaged} lines: they are no records`);
}

function sizeOf(pieces: readonly Buffer[]): number {
  let sizeBytes = 0;
  for (const { length } of pieces) sizeBytes += length;
  return sizeBytes;
}
