import { ExpositionError } from "../../../exporter/shared/codec/exposition/exposition-parser-error.js";
import type {
  ExpositionFormat,
  WrittenLabels,
} from "../../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { NumberScanner } from "../../../exporter/shared/codec/exposition/exposition-parser-number.js";
import {
  ENTRY,
  endWithLineFeed,
  ExpositionReader,
} from "../../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";

/** Bytes read at once; a line may be longer. */
const PIECE_BYTES = 262_144;
const MAX_LINE_BYTES = 1_048_576;
const MAX_KNOWN_SERIES = 100_000;
const END_OF_OPENMETRICS = /(^|\n)# EOF\n?$/;
/** How a line of `promtool tsdb dump` begins, and the whole line. */
const DUMPED_START = Buffer.from('{__name__="');
const DUMPED_LINE = /^\{__name__="([a-zA-Z_:][a-zA-Z0-9_:]*)"(?:, )?(.*)\} (\S+) (-?\d+)$/gm;
const LINE_FEED = 10;
const SPACE = 32;
const ZERO = 48;

/** Receives the samples of a file, in its order. */
export interface SampleVisitor<Series> {
  /** Called for a series that is not known, or not any more. */
  seriesOf(written: WrittenLabels): Series;
  onSample(series: Series, timestampMs: number, value: number): void;
}

interface KnownSeries<Series> {
  readonly series: Series;
  /** The bytes before the value. */
  readonly written: Buffer;
  /** The series of the next line when this one was read last; nearly always the same the next time. */
  next: KnownSeries<Series> | undefined;
}

/**
 * Reads a file of samples once: OpenMetrics, the text format, or the output of `promtool tsdb dump`. Each
 * sample needs a timestamp.
 */
export class SampleFile<Series> {
  private readonly known = new Map<string, KnownSeries<Series>>();
  private last: KnownSeries<Series> | undefined;
  private readonly numbers = new NumberScanner();

  private constructor(
    private readonly filePath: string,
    private readonly file: ReadFile,
    private readonly format: ExpositionFormat,
    private readonly visitor: SampleVisitor<Series>,
  ) {}

  static async open<Series>(
    filePath: string,
    files: Files,
    visitor: SampleVisitor<Series>,
  ): Promise<SampleFile<Series>> {
    const file = await files.openRead(filePath);
    try {
      return new SampleFile(filePath, file, await formatOf(file), visitor);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** Makes the reader ask for each series again. */
  forget(): void {
    this.known.clear();
    this.last = undefined;
  }

  /**
   * Reads the file; yields after each piece of it.
   *
   * @throws {BadInputError} naming file and line of the first error
   */
  async *pieces(): AsyncGenerator<undefined, void> {
    for await (const { lines, firstLine } of linesOf(this.file, this.filePath)) {
      this.readLines(this.bodyOf(lines), firstLine);
      yield;
    }
  }

  private bodyOf(lines: Buffer): Buffer {
    const plain = lines.includes(DUMPED_START)
      ? Buffer.from(lines.toString("utf8").replace(DUMPED_LINE, "$1{$2} $3 $4"))
      : lines;
    return endWithLineFeed(plain);
  }

  private readLines(body: Buffer, firstLine: number): void {
    const reader = new ExpositionReader(body, this.format);
    try {
      for (;;) {
        this.readLikely(body, reader);
        // Only the last piece has the line `# EOF`.
        if (reader.offset >= body.length) return;
        const kind = reader.next();
        if (kind === ENTRY.end) return;
        if (kind !== ENTRY.sample) continue;
        if (reader.timestampMs === undefined)
          throw new UnusableTime(
            reader.lineStart,
            "the sample has no timestamp, every one must have one",
          );
        const series = this.seriesAt(body, reader);
        // The reader truncates, as Prometheus does: 0.001 s has no exact binary fraction.
        const timestampMs =
          this.format === "text"
            ? reader.timestampMs
            : Math.round(this.numbers.scan(body, reader.valueEnd + 1) * 1000);
        if (!Number.isSafeInteger(timestampMs))
          throw new UnusableTime(
            reader.lineStart,
            "the timestamp is too large, it must be below 2^53 milliseconds",
          );
        this.visitor.onSample(series, timestampMs, reader.value);
      }
    } catch (error) {
      throw this.located(error, body, firstLine);
    }
  }

  /**
   * Reads lines as long as each belongs to the series that is expected there, which costs a comparison and
   * two numbers. Flat: runs for every sample of an import.
   */
  private readLikely(body: Buffer, reader: ExpositionReader): void {
    const { numbers, visitor, format } = this;
    let at = reader.offset;
    for (;;) {
      const expected = this.last?.next;
      if (expected === undefined || !startsWith(body, at, expected.written)) break;
      const valueAt = at + expected.written.length;
      const value = numbers.scan(body, valueAt);
      const valueEnd = numbers.end;
      if (valueEnd < 0 || body[valueEnd] !== SPACE) break;
      const time = numbers.scan(body, valueEnd + 1);
      const timeEnd = numbers.end;
      if (timeEnd < 0 || body[timeEnd] !== LINE_FEED) break;
      if (format === "text" && !areDigits(body, valueEnd + 1, timeEnd)) break;
      const timestampMs = format === "text" ? time : Math.round(time * 1000);
      if (!Number.isSafeInteger(timestampMs) || timeEnd - at > MAX_LINE_BYTES) break;
      visitor.onSample(expected.series, timestampMs, value);
      this.last = expected;
      at = timeEnd + 1;
    }
    reader.moveTo(at);
  }

  private seriesAt(body: Buffer, reader: ExpositionReader): Series {
    const written = body.toString("latin1", reader.lineStart, reader.valueStart);
    let known = this.known.get(written);
    if (known === undefined) {
      if (this.known.size >= MAX_KNOWN_SERIES) this.forget();
      known = {
        series: this.visitor.seriesOf(reader.labels()),
        written: Buffer.from(written, "latin1"),
        next: undefined,
      };
      this.known.set(written, known);
    }
    if (this.last !== undefined) this.last.next = known;
    // A file that lists series by series repeats the line before.
    known.next ??= known;
    this.last = known;
    return known.series;
  }

  private located(error: unknown, body: Buffer, firstLine: number): unknown {
    const { filePath } = this;
    if (error instanceof UnusableTime) {
      const line = firstLine + body.toString("latin1", 0, error.offset).split("\n").length - 1;
      return new BadInputError(`Cannot import "${filePath}:${line}": ${error.detail}`);
    }
    if (!(error instanceof ExpositionError)) return error;
    return new BadInputError(
      `Cannot import "${filePath}:${firstLine + error.line - 1}": ${error.detail}`,
      { cause: error },
    );
  }
}

class UnusableTime extends Error {
  constructor(
    readonly offset: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

function startsWith(body: Buffer, at: number, written: Buffer): boolean {
  const { length } = written;
  if (at + length >= body.length) return false;
  // The end differs most: the first labels of neighbours are nearly always the same.
  for (let index = length - 1; index >= 0; index--)
    if (body[at + index] !== written[index]) return false;
  return true;
}

function areDigits(body: Buffer, from: number, until: number): boolean {
  for (let at = from; at < until; at++) {
    const digit = (body[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

/** Only OpenMetrics ends with `# EOF`. */
async function formatOf(file: ReadFile): Promise<ExpositionFormat> {
  const tail = Buffer.from(await file.read(Math.max(0, file.sizeBytes - 16), 16)).toString(
    "latin1",
  );
  return END_OF_OPENMETRICS.test(tail) ? "openmetrics" : "text";
}

/** Yields pieces of the file that end with a whole line, each valid until the next. */
async function* linesOf(
  file: ReadFile,
  filePath: string,
): AsyncGenerator<{ lines: Buffer; firstLine: number }> {
  // Memory is used again for each piece: new memory costs more than parsing it.
  const buffer = Buffer.alloc(MAX_LINE_BYTES + PIECE_BYTES);
  let [from, filled, firstLine] = [0, 0, 1];
  let reading = readAhead(file, 0);
  for (let at = 0; at < file.sizeBytes;) {
    const piece = await reading();
    if (piece.length === 0) break;
    at += piece.length;
    reading = readAhead(file, at);
    buffer.copyWithin(0, from, filled);
    filled -= from;
    buffer.set(piece, filled);
    filled += piece.length;
    const isLast = at >= file.sizeBytes;
    from = isLast ? filled : buffer.subarray(0, filled).lastIndexOf(LINE_FEED) + 1;
    if (filled - from > MAX_LINE_BYTES)
      throw new BadInputError(`Cannot import "${filePath}:${firstLine}": the line is too long`);
    if (from === 0) continue;
    const lines = buffer.subarray(0, from);
    yield { lines, firstLine };
    for (let feed = lines.indexOf(LINE_FEED); feed >= 0; feed = lines.indexOf(LINE_FEED, feed + 1))
      firstLine++;
  }
}

/** Reads while the piece before is parsed. */
function readAhead(file: ReadFile, at: number): () => Promise<Uint8Array> {
  const reading = file.read(at, PIECE_BYTES);
  reading.catch(() => undefined); // The caller sees it when it wants the piece.
  return () => reading;
}
