import type { HostLogWriter } from "./host-log-writer.js";
import type { RotatingLog } from "./rotating-log.js";

/** Lines that wait at most while the disk does not keep up, in writes. */
const MAX_WAITING_WRITES = 10;
const MAX_LINE_CHARACTERS = 4096;

/** One log of one host, and the lines that wait for it. Its writes follow each other. */
export class HostLog {
  /** Monotonic. */
  usedMs = 0;
  /** Time of the last sampling; a value that differs is a new one, also when the Pi's clock was set back. */
  lastSampling = Number.NaN;
  private lines: string[] = [];
  /** How many samplings the lines come from. */
  private samplings = 0;
  /** Monotonic time of the first of them. */
  private sinceMs = 0;
  private writing: Promise<void> = Promise.resolve();
  /** A write is going to begin; one that is going on does not count. */
  private isQueued = false;
  private file: RotatingLog | undefined;

  constructor(
    private readonly writer: HostLogWriter,
    private readonly open: () => Promise<RotatingLog>,
  ) {}

  get isIdle(): boolean {
    return this.lines.length === 0 && !this.isQueued;
  }

  /** Lines of one sampling. They are written when there are enough. */
  addSampling(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const { clock, settings } = this.writer.parts;
    if (this.samplings === 0) this.sinceMs = clock.monotonicMs();
    this.add(lines);
    this.samplings++;
    if (this.samplings >= settings.linesPerWrite) void this.flush();
  }

  /** The oldest lines give way: what just happened matters more. */
  add(lines: readonly string[]): void {
    const bound = MAX_WAITING_WRITES * Math.max(this.writer.parts.settings.linesPerWrite, lines.length);
    const excess = Math.max(0, this.lines.length + lines.length - bound);
    this.lines.splice(0, excess);
    this.writer.lost += excess;
    for (const line of lines) this.lines.push(oneLine(line));
  }

  /** True when lines wait that came before this monotonic time. */
  hasLinesSince(untilMs: number): boolean {
    return this.samplings > 0 && this.sinceMs <= untilMs;
  }

  /** Writes what waits. Never rejects. */
  flush(): Promise<void> {
    if (this.isQueued) return this.writing; // The write that waits takes these lines along.
    this.isQueued = true;
    this.writing = this.writing.then(() => this.writer.write(() => this.writeLines()));
    return this.writing;
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
    this.writing = this.writing.then(() =>
      this.writer.fill(async () => {
        const file = await this.opened();
        this.writer.filled += await file.insert(lines);
        isDone = true;
        await file.rotateWhenLarge(this.writer.parts.clock.wallMs());
      }),
    );
    await this.writing;
    return isDone;
  }

  private async writeLines(): Promise<void> {
    this.isQueued = false;
    const { lines, writer } = this;
    if (lines.length === 0) return;
    this.lines = [];
    this.samplings = 0;
    const file = await this.opened().catch((error: unknown) => this.lose(lines, error));
    await file.append(`${lines.join("\n")}\n`).catch((error: unknown) => this.lose(lines, error));
    writer.written += lines.length;
    await file.rotateWhenLarge(writer.parts.clock.wallMs());
  }

  private lose(lines: readonly string[], error: unknown): never {
    this.writer.lost += lines.length;
    throw error;
  }

  private async opened(): Promise<RotatingLog> {
    this.file ??= await this.open();
    return this.file;
  }
}

/** A line that cannot be mistaken for two, nor move a terminal's cursor. */
export function oneLine(line: string): string {
  const text = line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}...` : line;
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
  });
}
