import type { HostLogWriter, QueuedLog } from "./host-log-writer.js";
import type { RotatingLog } from "./rotating-log.js";

/** Lines that wait at most while the disk does not keep up, in writes. */
const MAX_WAITING_WRITES = 10;
const MAX_LINE_CHARACTERS = 4096;

/** Any character but those that nearly all lines are made of. */
const UNUSUAL = /[^ -~]/;
const NO_LINES: readonly string[] = [];

/** Where the file of a log is found. */
export interface LogPlace<Kind extends string = string> {
  /** @throws the system's error */
  open(kind: Kind): Promise<RotatingLog>;
  /**
   * Undefined when only `open` can tell.
   *
   * @throws the system's error
   */
  openAtOnce(kind: Kind): RotatingLog | undefined;
}

/** One log of one host, and the lines that wait for it. Its writes follow each other. */
export class HostLog<Kind extends string = string> implements QueuedLog {
  /** Monotonic. */
  usedMs = 0;
  /** Time of the last sampling; a value that differs is a new one, also when the Pi's clock was set back. */
  lastSampling = Number.NaN;
  private lines: string[] = [];
  /** How many samplings the lines come from. */
  private samplings = 0;
  /** Monotonic time of the first of them. */
  private sinceMs = 0;
  /** Undefined when nothing goes on. */
  private writing: Promise<void> | undefined;
  /** A write is going to begin; one that is going on does not count. */
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

  /** Lines of one sampling. They are written when there are enough. */
  addSampling(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const { clock, settings } = this.writer.parts;
    if (this.samplings === 0) this.sinceMs = clock.monotonicMs();
    this.add(lines);
    this.samplings++;
    if (this.samplings >= settings.linesPerWrite) this.request();
  }

  /** The oldest lines give way: what just happened matters more. */
  add(lines: readonly string[]): void {
    const bound =
      MAX_WAITING_WRITES * Math.max(this.writer.parts.settings.linesPerWrite, lines.length);
    const excess = Math.max(0, this.lines.length + lines.length - bound);
    if (excess > 0) this.lines.splice(0, excess);
    this.writer.lost += excess;
    for (const line of lines) this.lines.push(oneLine(line));
  }

  /** True when lines wait that came before this monotonic time. */
  hasLinesSince(untilMs: number): boolean {
    return this.samplings > 0 && this.sinceMs <= untilMs;
  }

  /** What waits is written soon, together with that of other logs. */
  request(): void {
    if (this.isRequested) return;
    this.isRequested = true;
    this.writer.enqueue(this);
  }

  writeAtOnce(): boolean {
    this.isRequested = false;
    const { writer } = this;
    if (this.writing !== undefined || writer.isGivingUp) return false;
    const file = this.openedAtOnce();
    if (file === undefined || file.needsCare) return false;
    const lines = this.takeLines();
    if (lines.length === 0) return true;
    try {
      file.appendAtOnce(`${lines.join("\n")}\n`);
    } catch (error) {
      this.lose(lines, error);
    }
    writer.written += lines.length;
    return !file.isLarge;
  }

  /** Writes what waits, and puts the file aside when it is large. Never rejects. */
  flush(): Promise<void> {
    this.isRequested = false;
    // The write that waits takes these lines along.
    if (this.isQueued && this.writing !== undefined) return this.writing;
    this.isQueued = true;
    return this.next(() => this.writer.write(() => this.writeLines()));
  }

  /**
   * Puts lines at their place in time, after those that wait.
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
    else this.writer.watched(() => file.appendAtOnce(text));
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

  private openedAtOnce(): RotatingLog | undefined {
    try {
      this.file ??= this.place.openAtOnce(this.kind);
    } catch {
      // `flush` meets the same and reports it.
    }
    return this.file;
  }

  private async opened(): Promise<RotatingLog> {
    this.file ??= await this.place.open(this.kind);
    return this.file;
  }
}

/** A line that cannot be mistaken for two, nor move a terminal's cursor. */
export function oneLine(line: string): string {
  if (line.length <= MAX_LINE_CHARACTERS && !UNUSUAL.test(line)) return line;
  const text =
    line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}...` : line;
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
  });
}
