import type { HostLogWriter, QueuedLog } from "./host-log-writer.js";
import type { RotatingLog } from "./rotating-log.js";

/** Most pending lines while the disk does not keep up, in writes. */
const MAX_WAITING_WRITES = 10;
const MAX_LINE_CHARACTERS = 4096;

/** Characters outside the range that nearly all lines consist of. */
const UNUSUAL = /[^ -~]/;
const NO_LINES: readonly string[] = [];

/** Opens the file of a log. */
export interface LogPlace<Kind extends string = string> {
  /** @throws the system's error */
  open(kind: Kind): Promise<RotatingLog>;
  /**
   * Undefined when only `open` can do it.
   *
   * @throws the system's error
   */
  openSync(kind: Kind): RotatingLog | undefined;
}

/** One log of one host with its pending lines. Its writes run one after the other. */
export class HostLog<Kind extends string = string> implements QueuedLog {
  /** Monotonic time. */
  usedMs = 0;
  /**
   * Time of the last sampling. Any different value is a new sampling, even if the clock of the Pi
   * was set back.
   */
  lastSampling = Number.NaN;
  private lines: string[] = [];
  /** Number of samplings that the pending lines come from. */
  private samplings = 0;
  /** Monotonic time of the first pending line. */
  private sinceMs = 0;
  /** Undefined while nothing is written. */
  private writing: Promise<void> | undefined;
  /** True when a write is queued; a write in progress does not count. */
  private isQueued = false;
  private isRequested = false;
  private file: RotatingLog | undefined;

  constructor(
    private readonly writer: HostLogWriter,
    private readonly place: LogPlace<Kind>,
    private readonly kind: Kind,
  ) {}

  get isIdle(): boolean {
    return this.lines.length === 0 && !this.isRequested && this.writing === undefined;
  }

  /** Adds the lines of one sampling. They are written when there are enough of them. */
  addSampling(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const { clock, settings } = this.writer.parts;
    if (this.samplings === 0) this.sinceMs = clock.monotonicMs();
    this.add(lines);
    this.samplings++;
    if (this.samplings >= settings.linesPerWrite) this.request();
  }

  /** Beyond the limit the oldest lines are dropped, because recent events matter more. */
  add(lines: readonly string[]): void {
    const bound =
      MAX_WAITING_WRITES * Math.max(this.writer.parts.settings.linesPerWrite, lines.length);
    const excess = Math.max(0, this.lines.length + lines.length - bound);
    if (excess > 0) this.lines.splice(0, excess);
    this.writer.lost += excess;
    for (const line of lines) this.lines.push(oneLine(line));
  }

  /** True when a line from before this monotonic time is pending. */
  hasLinesSince(untilMs: number): boolean {
    return this.samplings > 0 && this.sinceMs <= untilMs;
  }

  /** Queues a write of the pending lines, together with other logs. */
  request(): void {
    if (this.isRequested) return;
    this.isRequested = true;
    this.writer.enqueue(this);
  }

  writeSync(): boolean {
    this.isRequested = false;
    const { writer } = this;
    if (this.writing !== undefined || writer.isGivingUp) return false;
    const file = this.openedSync();
    if (file === undefined || file.needsCare) return false;
    const lines = this.takeLines();
    if (lines.length === 0) return true;
    try {
      file.appendSync(`${lines.join("\n")}\n`);
    } catch (error) {
      this.lose(lines, error);
    }
    writer.written += lines.length;
    return !file.isLarge;
  }

  /** Writes the pending lines and rotates the file when it is large. Never rejects. */
  flush(): Promise<void> {
    this.isRequested = false;
    // The queued write will include these lines.
    if (this.isQueued && this.writing !== undefined) return this.writing;
    this.isQueued = true;
    return this.next(() => this.writer.write(() => this.writeLines()));
  }

  /**
   * Merges lines into the log in the order of time, after the pending lines.
   *
   * @param lines ascending in time
   * @returns false when the disk refused
   */
  async insert(lines: readonly string[]): Promise<boolean> {
    void this.flush();
    let isDone = false;
    await this.next(() =>
      this.writer.fill(async () => {
        const file = await this.opened();
        this.writer.filled += await file.insert(lines);
        isDone = true;
        await file.rotateWhenLarge(this.writer.parts.clock.wallMs());
      }),
    );
    return isDone;
  }

  /** @param step never rejects */
  private next(step: () => Promise<void>): Promise<void> {
    const ended = (this.writing ?? Promise.resolve()).then(step).then(() => {
      if (this.writing === ended) this.writing = undefined;
    });
    this.writing = ended;
    return ended;
  }

  private async writeLines(): Promise<void> {
    this.isQueued = false;
    const { writer } = this;
    const lines = this.takeLines();
    if (lines.length > 0) {
      if (writer.isGivingUp)
        this.lose(lines, new Error("Cannot write all lines before the end: the disk is too slow"));
      const opened = await this.opened().catch((error: unknown) => this.lose(lines, error));
      const text = `${lines.join("\n")}\n`;
      await this.append(opened, text).catch((error: unknown) => this.lose(lines, error));
      writer.written += lines.length;
    }
    await this.file?.rotateWhenLarge(writer.parts.clock.wallMs());
  }

  private async append(file: RotatingLog, text: string): Promise<void> {
    if (this.writer.isDiskSlow || file.needsCare) await file.append(text);
    else this.writer.watched(() => file.appendSync(text));
  }

  private takeLines(): readonly string[] {
    const { lines } = this;
    if (lines.length === 0) return NO_LINES;
    this.lines = [];
    this.samplings = 0;
    return lines;
  }

  private lose(lines: readonly string[], error: unknown): never {
    this.writer.lost += lines.length;
    throw error;
  }

  private openedSync(): RotatingLog | undefined {
    try {
      this.file ??= this.place.openSync(this.kind);
    } catch {
      // `flush` will meet the same error and report it.
    }
    return this.file;
  }

  private async opened(): Promise<RotatingLog> {
    this.file ??= await this.place.open(this.kind);
    return this.file;
  }
}

/** Escapes characters that would split the line or move the cursor of a terminal. */
export function oneLine(line: string): string {
  if (line.length <= MAX_LINE_CHARACTERS && !UNUSUAL.test(line)) return line;
  const text =
    line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}...` : line;
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}
