import path from "node:path";
import { memberHeaderOf } from "../../../exporter/shared/codec/history/member-text.js";
import { parseSegmentName } from "../../../exporter/shared/codec/history/segment-name.js";
import { readSegment } from "../../../exporter/shared/codec/history/segment-reader.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { BootClocks } from "../../backfill/boot-clocks.js";
import type { ImportPlace } from "../../backfill/sample-import.js";

/** Lines to store, and the target that they belong to. */
export interface ImportBatch {
  readonly place: ImportPlace;
  /** Text format with timestamps in milliseconds. */
  readonly text: string;
}

export interface ImportNotes {
  /** Receives a line about data that is left out. */
  readonly writeNote: (note: string) => void;
}

const NODE_ID = /^[0-9a-f]{32}$/;
/** No Pi has sampled before this date: a clock with an earlier time was not set. */
const EARLIEST_MS = Date.UTC(2020, 0, 1);

/**
 * Reads a copied history folder of a Pi, or the state folder around it, in the order of writing.
 * Samples that a boot took before its clock was set get their time from the monotonic clock.
 *
 * @throws {BadInputError} when the folder has no segment
 */
export async function* readHistoryFolder(
  folder: string,
  place: ImportPlace,
  files: Files,
  { writeNote }: ImportNotes,
): AsyncGenerator<ImportBatch, void> {
  const segments = await findSegments(folder, files);
  const nodeId = place.nodeId ?? (await readNodeId(path.dirname(itemAt(segments, 0)), files));
  const clocks = await learnClocks(segments, files);
  const wanted = nodeId === undefined ? place : { ...place, nodeId };
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const segment of segments) {
    for await (const { offsetBytes, text } of piecesOf(segment, files)) {
      const header = text === undefined ? undefined : memberHeaderOf(text);
      if (text === undefined || header === undefined) {
        writeNote(`${segment}: damage from byte ${offsetBytes} on is left out`);
        continue;
      }
      const correction = clocks.correctionOf(header, {
        after: lastMs,
        before: Number.POSITIVE_INFINITY,
      });
      if (correction === undefined) {
        writeNote(
          `${segment}: a member from byte ${offsetBytes} on is left out, its clock was not set`,
        );
        continue;
      }
      lastMs = header.wallMs + correction.addMs;
      yield { place: wanted, text: movedBy(text.slice(text.indexOf("\n") + 1), correction.addMs) };
    }
  }
}

async function findSegments(folder: string, files: Files): Promise<string[]> {
  for (const candidate of [folder, path.join(folder, "history")]) {
    if ((await files.facts(candidate))?.isFolder !== true) continue;
    const names = (await files.list(candidate))
      .map(({ name }) => name)
      .filter((name) => parseSegmentName(name) !== undefined);
    if (names.length > 0) return names.sort().map((name) => path.join(candidate, name));
  }
  throw new BadInputError(
    `Cannot import "${folder}": it has no segment, such as 0000000001-1768230028000.prom.gz`,
  );
}

async function readNodeId(historyFolder: string, files: Files): Promise<string | undefined> {
  for (const folder of [historyFolder, path.dirname(historyFolder)]) {
    const file = path.join(folder, "node-id");
    const text = (await files.facts(file)) === undefined ? "" : (await files.readText(file)).trim();
    if (NODE_ID.test(text)) return text;
  }
  return undefined;
}

/** The last plausible clock reading of each boot is taken as correct. */
async function learnClocks(segments: readonly string[], files: Files): Promise<BootClocks> {
  const clocks = new BootClocks();
  const last = new Map<string, { monotonicMs: number; wallMs: number }>();
  for (const segment of segments) {
    for await (const { text } of piecesOf(segment, files)) {
      const header = text === undefined ? undefined : memberHeaderOf(text);
      if (header !== undefined && header.wallMs >= EARLIEST_MS) last.set(header.bootId, header);
    }
  }
  for (const [bootId, { monotonicMs, wallMs }] of last)
    clocks.learn({ bootId, monotonicMs }, wallMs);
  return clocks;
}

async function* piecesOf(segment: string, files: Files): ReturnType<typeof readSegment> {
  const file = await files.openRead(segment);
  try {
    yield* readSegment(file, file.sizeBytes);
  } finally {
    await file.close();
  }
}

function movedBy(lines: string, addMs: number): string {
  return addMs === 0 ? lines : lines.replace(/(\d+)$/gm, (time) => String(Number(time) + addMs));
}
