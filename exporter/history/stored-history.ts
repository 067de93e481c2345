import path from "node:path";
import { parseSegmentName } from "../shared/codec/history/segment-name.js";
import { memberHeaderOf } from "../shared/codec/history/member-text.js";
import { readSegment } from "../shared/codec/history/segment-reader.js";
import { codeOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";

/**
 * Reads the history in folders, also while an exporter writes it: member by member in the order of
 * writing, one in memory at a time. Damage is skipped.
 */
export class StoredHistory {
  constructor(
    private readonly files: Files,
    private readonly folders: readonly string[],
  ) {}

  /**
   * @param sinceMs segments that were closed before this time are not read
   * @yields the lines of a member, with its header
   */
  async *members(sinceMs: number): AsyncGenerator<string, void> {
    const segments = await this.segments();
    for (const [index, { filePath }] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next.startMs < sinceMs) continue;
      yield* this.membersOf(filePath);
    }
  }

  private async *membersOf(filePath: string): AsyncGenerator<string, void> {
    const file = await this.files.openRead(filePath).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return undefined; // Deleted in the meantime, because a master has it.
      throw error;
    });
    if (file === undefined) return;
    try {
      for await (const { text } of readSegment(file, file.sizeBytes)) {
        if (text !== undefined && memberHeaderOf(text) !== undefined) yield text;
      }
    } finally {
      await file.close();
    }
  }

  private async segments(): Promise<{ filePath: string; startMs: number }[]> {
    const found = new Map<string, { filePath: string; startMs: number }>();
    for (const folder of this.folders) {
      for (const { name } of await this.files.list(folder)) {
        const parsed = parseSegmentName(name);
        if (parsed === undefined || found.has(name)) continue;
        found.set(name, { filePath: path.join(folder, name), startMs: parsed.startMs });
      }
    }
    const inOrder = [...found].sort(([left], [right]) => (left < right ? -1 : 1));
    return inOrder.map(([, segment]) => segment);
  }
}

/** A parsed line of a member. */
export interface HistoryLine {
  /** Name and labels as written. */
  readonly series: string;
  readonly value: string;
  readonly timestampMs: number;
}

/** The samples of a member from `sinceMs` on. */
export function* linesOf(text: string, sinceMs: number): Generator<HistoryLine, void> {
  for (let start = 0; start < text.length;) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, end);
    start = end + 1;
    if (line.startsWith("#")) continue;
    const timeAt = line.lastIndexOf(" ");
    const valueAt = line.lastIndexOf(" ", timeAt - 1);
    const timestampMs = Number(line.slice(timeAt + 1));
    if (valueAt <= 0 || !Number.isSafeInteger(timestampMs) || timestampMs < sinceMs) continue;
    yield { series: line.slice(0, valueAt), value: line.slice(valueAt + 1, timeAt), timestampMs };
  }
}
