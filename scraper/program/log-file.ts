import path from "node:path";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { RotatingLog } from "../host-logs/rotating-log.js";

const LIMITS = { maxFileBytes: 10 * 1024 * 1024, maxOldFiles: 5 };
/** Lines that may wait for a slow disk; further lines go to standard error only. */
const MAX_WAITING_LINES = 10_000;

/** The log file `log.file` beside standard error: rotated at 10 MiB, with five old files. */
export class LogFile {
  private readonly file: RotatingLog;
  private waiting: string[] = [];
  private writing: Promise<void> | undefined;

  constructor(
    filePath: string,
    files: Files,
    private readonly clock: Clock,
  ) {
    this.file = new RotatingLog(path.dirname(filePath), path.basename(filePath), files, LIMITS);
  }

  write(line: string): void {
    if (this.waiting.length >= MAX_WAITING_LINES) return;
    this.waiting.push(line);
    this.writing ??= this.writeWaiting();
  }

  async flush(): Promise<void> {
    await this.writing;
  }

  private async writeWaiting(): Promise<void> {
    await Promise.resolve(); // Lines of one turn are written together.
    while (this.waiting.length > 0) {
      const lines = this.waiting;
      this.waiting = [];
      try {
        await this.file.append(`${lines.join("\n")}\n`);
        await this.file.rotateWhenLarge(this.clock.wallMs());
      } catch {
        // Standard error has the lines, and other writers report a disk that refuses.
      }
    }
    this.writing = undefined;
  }
}
