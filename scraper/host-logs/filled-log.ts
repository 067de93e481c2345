import path from "node:path";
import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import { BadInputError, messageOf } from "../../exporter/shared/model/errors.js";
import { readStateFile } from "../../exporter/shared/platform/state-file.js";
import { type HostLog, oneLine } from "./host-log.js";
import type { HostLogWriter } from "./host-log-writer.js";
import { timeKeyOf } from "./merge-lines.js";

/** Characters collected in memory before they are written to the file. */
const MAX_HELD_CHARACTERS = 1_048_576;
/** Lines are merged long before a file of them is so large. */
export const MAX_PENDING_BYTES = 268_435_456;
/** Files in a log folder, with the suffix of the exporter before `.pending`. */
const PENDING_FILE = /^filled(?:-(\d{1,5}))?\.pending$/;

/**
 * The port in the name of a file of pending lines: null for the plain name, undefined for another
 * file.
 */
export function pendingPortOf(fileName: string): number | null | undefined {
  const match = PENDING_FILE.exec(fileName);
  if (match === null) return undefined;
  return match[1] === undefined ? null : Number(match[1]);
}

/**
 * Lines of one exporter that come from its history. They are collected in a file beside the logs,
 * as `<family> <line>`, and merged into the logs when the whole history has been read, so each log
 * is rewritten once however many segments there are. Lines that a crash leaves in the file are
 * merged at the next start. No line occurs twice in a log.
 */
export class FilledLog {
  private held: string[] = [];
  private heldCharacters = 0;
  /** Saves and merges run one after the other. */
  private working: Promise<void> = Promise.resolve();
  private steps = 0;

  constructor(
    private readonly writer: HostLogWriter,
    private readonly parts: {
      /** The folder of the logs. */
      readonly folder: string;
      /** Finds the suffix in the names of the logs; rejects with the system's error. */
      readonly findSuffix: () => Promise<string>;
      readonly logOf: (family: Family) => HostLog;
    },
  ) {}

  add(family: Family, lines: readonly string[]): void {
    for (const line of lines) {
      const text = `${family} ${oneLine(line)}\n`;
      this.held.push(text);
      this.heldCharacters += text.length;
    }
  }

  /** True when it is time to call `save`. */
  get isLarge(): boolean {
    return this.heldCharacters >= MAX_HELD_CHARACTERS;
  }

  get isIdle(): boolean {
    return this.held.length === 0 && this.steps === 0;
  }

  /**
   * Makes the added lines survive a crash. Never rejects: lines that the disk refuses are counted
   * as lost.
   */
  save(): Promise<void> {
    if (this.held.length === 0) return this.working;
    return this.next(async () => {
      const lines = this.held;
      this.held = [];
      this.heldCharacters = 0;
      const sizeBytes = await this.append(lines);
      if (sizeBytes >= this.writer.parts.settings.maxFileBytes) await this.mergePending();
    });
  }

  /**
   * Merges all saved lines into the logs. Never rejects: lines that the disk refuses stay for the
   * next call.
   */
  merge(): Promise<void> {
    return this.next(() => this.mergePending());
  }

  private next(step: () => Promise<void>): Promise<void> {
    this.steps++;
    this.working = this.working.then(step).finally(() => this.steps--);
    return this.working;
  }

  /** @returns the size of the file; 0 when the disk refused the lines */
  private async append(lines: readonly string[]): Promise<number> {
    const { files } = this.writer.parts;
    const { folder } = this.parts;
    let sizeBytes = 0;
    await this.writer.write(async () => {
      const pendingFile = await this.findPendingFile();
      await files.makeFolder(folder);
      const file = await files.openAppend(pendingFile);
      try {
        // The line feed comes first, because a full disk or a crash may have cut off the last line.
        await file.append(Buffer.from(`\n${lines.join("")}`));
        await file.sync();
        sizeBytes = file.sizeBytes;
      } finally {
        await file.close();
      }
    });
    if (sizeBytes === 0) this.writer.lost += lines.length;
    return sizeBytes;
  }

  private async mergePending(): Promise<void> {
    const { files, log } = this.writer.parts;
    try {
      const pendingFile = await this.findPendingFile();
      const byFamily = await readStateFile({
        files,
        log,
        filePath: pendingFile,
        maxBytes: MAX_PENDING_BYTES,
        decode: groupByFamily,
        effect: "lines of a history are missing in the logs",
      });
      if (byFamily === undefined) return;
      let isDone = true;
      for (const [family, lines] of byFamily)
        isDone = (await this.parts.logOf(family).insert(lines)) && isDone;
      if (isDone) await files.remove(pendingFile);
    } catch (error) {
      const { folder } = this.parts;
      log.warn("Cannot merge lines of a history into the logs: will be tried again", {
        folder,
        error: messageOf(error),
      });
    }
  }

  private async findPendingFile(): Promise<string> {
    return path.join(this.parts.folder, `filled${await this.parts.findSuffix()}.pending`);
  }
}

/**
 * The lines of each family in the order of time. Text that is no line, such as a torn end, is
 * dropped.
 *
 * @throws {BadInputError} when no text is a line
 */
export function groupByFamily(text: string): Map<Family, string[]> {
  const byFamily = new Map<Family, string[]>();
  for (const entry of text.split("\n").slice(0, -1)) {
    const familyName = entry.slice(0, entry.indexOf(" "));
    const family = FAMILIES.find((one) => one === familyName);
    const line = entry.slice(familyName.length + 1);
    if (family === undefined || timeKeyOf(line) === undefined) continue;
    const lines = byFamily.get(family);
    if (lines === undefined) byFamily.set(family, [line]);
    else lines.push(line);
  }
  if (byFamily.size === 0 && text.trim() !== "")
    throw new BadInputError("Cannot read lines of a history: the file has none");
  for (const lines of byFamily.values()) lines.sort(compareTimes);
  return byFamily;
}

/** Lines of one time keep their order. */
function compareTimes(left: string, right: string): number {
  const [leftKey, rightKey] = [timeKeyOf(left) ?? "", timeKeyOf(right) ?? ""];
  return leftKey < rightKey ? -1 : leftKey > rightKey ? 1 : 0;
}
