import path from "node:path";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError, PihealthError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { AppendFile, Files } from "../../../exporter/shared/platform/files.js";

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

const COMPACT_FACTOR = 2;
const MIN_LINES_TO_COMPACT = 1000;
const LINE_FEED = 0x0a;

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
 * See json-lines-file.format.md. Appends that wait for the disk at the same time share one sync.
 */
export class JsonLinesFile<Line extends JsonLine> {
  private open: AppendFile | undefined;
  private lineCount = 0;
  private queue: Line[] = [];
  private flushing: Promise<void> | undefined;

  /**
   * @param current yields the lines of a rewritten file
   */
  constructor(
    private readonly files: Files,
    private readonly filePath: string,
    private readonly current: () => Iterable<Line>,
  ) {}

  /**
   * Reads the file and cuts a torn tail off. A missing file is empty.
   *
   * @param decode throws {@link BadInputError} when the line is not a record
   */
  async load<Result>(decode: (fields: JsonFields) => Result): Promise<LoadedRecords<Result>> {
    const { texts, isTorn } = await this.readAndRepair();
    const records = texts.flatMap((text) => this.decodeLine(text, decode));
    return { records, damaged: texts.length - records.length + (isTorn ? 1 : 0) };
  }

  /**
   * Resolves when the lines survive a power cut.
   *
   * @throws {NotDurableError}
   */
  async append(lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return;
    this.queue.push(...lines);
    const running = this.flushing;
    if (running !== undefined) await running.catch(() => undefined); // Its own caller has its error.
    if (this.queue.length > 0)
      this.flushing ??= this.flush().finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  async close(): Promise<void> {
    await this.flushing?.catch(() => undefined);
    await this.open?.close();
    this.open = undefined;
  }

  private async readAndRepair(): Promise<{ texts: readonly string[]; isTorn: boolean }> {
    await this.files.makeFolder(path.dirname(this.filePath));
    if ((await this.files.facts(this.filePath)) === undefined) return { texts: [], isTorn: false };
    const bytes = Buffer.from(await this.files.readBytes(this.filePath));
    const wholeBytes = bytes.lastIndexOf(LINE_FEED) + 1;
    const texts = bytes.toString("utf8", 0, wholeBytes).split("\n").slice(0, -1);
    this.lineCount = texts.length;
    const isTorn = wholeBytes < bytes.length;
    if (isTorn) await this.cutAt(wholeBytes);
    return { texts, isTorn };
  }

  private decodeLine<Result>(text: string, decode: (fields: JsonFields) => Result): Result[] {
    try {
      const fields = JsonFields.parse(text, `line of "${this.filePath}"`);
      fields.version(RECORD_VERSION, "v");
      return [decode(fields)];
    } catch (error) {
      if (error instanceof BadInputError) return []; // Counted as a damaged line.
      throw error;
    }
  }

  private async flush(): Promise<void> {
    const batch = this.queue;
    this.queue = [];
    try {
      if (this.isWorthCompacting(batch.length)) await this.rewrite();
      else await this.write(batch);
    } catch (error) {
      await this.abandonTornTail();
      throw new NotDurableError(`Cannot write "${this.filePath}": ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  private isWorthCompacting(added: number): boolean {
    if (this.lineCount + added < MIN_LINES_TO_COMPACT) return false;
    return this.lineCount + added > COMPACT_FACTOR * [...this.current()].length;
  }

  /** `current()` already contains the appended lines: callers change their memory first. */
  private async rewrite(): Promise<void> {
    const lines = [...this.current()];
    await this.open?.close();
    this.open = undefined;
    await this.files.replace(this.filePath, lines.map(formatLine).join(""));
    this.lineCount = lines.length;
  }

  private async write(batch: readonly Line[]): Promise<void> {
    const isNew = this.open === undefined;
    this.open ??= await this.files.openAppend(this.filePath);
    await this.open.append(Buffer.from(batch.map(formatLine).join("")));
    await this.open.sync();
    if (isNew) await this.files.syncFolder(path.dirname(this.filePath));
    this.lineCount += batch.length;
  }

  /**
   * Cuts off the half line that a failed write may have left, so that the next line starts a new
   * one.
   */
  private async abandonTornTail(): Promise<void> {
    try {
      await this.open?.close();
      this.open = undefined;
      await this.readAndRepair();
    } catch {
      this.open = undefined; // The disk still fails. `load` repairs the tail at the next start.
    }
  }

  private async cutAt(sizeBytes: number): Promise<void> {
    const file = await this.files.openAppend(this.filePath);
    await file.truncate(sizeBytes);
    await file.sync();
    await file.close();
  }
}

const formatLine = (line: JsonLine): string => `${JSON.stringify(line)}\n`;
