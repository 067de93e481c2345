import path from "node:path";
import { ByteReader } from "../../exporter/shared/journal/byte-reader.js";
import {
  listSegments,
  MAX_SEGMENT_BYTES,
  scanSegment,
  type Segment,
} from "../../exporter/shared/journal/segment.js";
import { isPermissionError, messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { type Logger, silentLogger } from "../../exporter/shared/platform/logger.js";
import { readOwnFile } from "../../exporter/shared/platform/state-file.js";
import { BlockStore } from "./blocks/block-store.js";
import { decodeChunk } from "./codec/chunk-codec.js";
import { DefinitionReader } from "./codec/definition-reader.js";
import { readChunkRecord, RECORD_KINDS } from "./codec/journal-records.js";
import { openStampedChunk } from "./codec/stamped-codec.js";
import { CHUNK_PREFIX, type DataFolder, JOURNAL_FOLDER, ROW_PREFIX } from "./model/data-folder.js";
import { compareWithInventory, presentFiles } from "./inventory-check.js";
import { INVENTORY_FILE, readInventory } from "./model/inventory.js";
import { LayoutRegistry } from "./model/layout-registry.js";
import { StorageCounters } from "./model/storage-counters.js";

/** A place in the data folder where the bytes are not those that were written. */
export interface DataProblem {
  /**
   * `no_permission`: it could not be read, and may be intact. `missing`: the inventory lists it.
   * `resized`: it has another size than when it was written.
   */
  readonly kind: "damaged" | "missing" | "resized" | "no_permission";
  readonly path: string;
  readonly offsetBytes: number;
  readonly detail: string;
}

export interface DataReport {
  readonly blocks: number;
  readonly journalSegments: number;
  readonly journalRecords: number;
  /** A crash leaves a torn tail in the newest segment. That is no problem. */
  readonly tornTails: number;
  readonly problems: readonly DataProblem[];
  /** Lines about things that are no problem but good to know. */
  readonly notes: readonly string[];
}

type Note = (error: unknown, place: Pick<DataProblem, "path" | "offsetBytes">) => void;

/**
 * Verifies every checksum in a data folder. It changes nothing, so it may run beside the program that
 * writes there.
 */
export async function checkData(folder: string, files: Files): Promise<DataReport> {
  const problems: DataProblem[] = [];
  const note: Note = (error, place) =>
    problems.push({ kind: kindOf(error), ...place, detail: messageOf(error) });
  const found = await checkJournals(path.join(folder, JOURNAL_FOLDER), files, {
    note,
    isComplete: await completeSegments(files, folder),
  });
  const counters = new StorageCounters();
  const store = await BlockStore.open({
    files,
    log: loggerInto(note, folder),
    dataFolder: folder,
    counters,
    isReadOnly: true,
  });
  const blocks = store.all();
  for (const block of blocks) {
    for (const error of await store.reader.verify(block))
      note(error, { path: error.path, offsetBytes: error.offsetBytes });
  }
  await store.reader.close();
  const { segments, ...journals } = found;
  const notes = await checkInventory({ files, folder }, store, segments, problems);
  return { blocks: blocks.length, ...journals, problems, notes };
}

/** Compares what is there with the inventory. A file that has just left it is no problem. */
async function checkInventory(
  data: Pick<DataFolder, "files" | "folder">,
  store: BlockStore,
  segments: readonly Segment[],
  problems: DataProblem[],
): Promise<string[]> {
  const { files, folder } = data;
  const present = await presentFiles(data, store, segments);
  const state = await readInventory(files, folder);
  const place = { path: path.join(folder, INVENTORY_FILE), offsetBytes: 0 };
  if (state.kind === "unreadable") {
    problems.push({ kind: kindOf(state.error), ...place, detail: messageOf(state.error) });
    return [];
  }
  if (state.kind === "missing")
    return present.sizes.size === 0
      ? []
      : [`${folder} has no inventory: missing files are not noticed`];
  const { content } = state;
  if (content.damagedLines > 0) {
    const detail = `${content.damagedLines} lines do not match their checksum`;
    problems.push({ kind: "damaged", ...place, detail });
  }
  const isThere = async (inData: string): Promise<boolean> =>
    (await files.facts(path.join(folder, inData)).catch(() => null)) !== undefined;
  const { missing, missingFolders, resized, foreign } = await compareWithInventory(
    content,
    present,
    isThere,
  );
  const add = (kind: DataProblem["kind"], file: string, detail: string): void =>
    void problems.push({ kind, path: path.join(folder, file), offsetBytes: 0, detail });
  for (const file of missing) add("missing", file, "the inventory lists it, it is not there");
  for (const each of missingFolders)
    add("missing", each.folder, `the folder is not there, it had ${each.files} files of samples`);
  for (const each of resized)
    add("resized", each.path, `it has ${each.sizeBytes} bytes, it had ${each.listedBytes}`);
  const notes = foreign.length === 0 ? [] : [`${foreign.length} files are not in the inventory`];
  for (const { path: file, noticedMs } of content.losses) {
    const detail = `missing since ${new Date(noticedMs).toISOString()} or before`;
    if (file.endsWith("/")) notes.push(`${path.join(folder, file)}: ${detail}`);
    else if (!present.sizes.has(file)) add("missing", file, detail);
  }
  return notes;
}

async function completeSegments(
  files: Files,
  folder: string,
): Promise<(segment: Segment) => boolean> {
  const state = await readInventory(files, folder);
  const listed = state.kind === "read" ? state.content.files : new Map<string, number>();
  return ({ path: filePath }) => listed.get(path.relative(folder, filePath)) !== undefined;
}

function kindOf(error: unknown): "damaged" | "no_permission" {
  return isPermissionError(error) ? "no_permission" : "damaged";
}

/** Turns errors that the block store logs, such as a folder it cannot list, into problems. */
function loggerInto(note: Note, folder: string): Logger {
  return {
    ...silentLogger,
    error: (message, fields = {}) => {
      const text = [message, ...Object.values(fields)].join(", ");
      const inFolder = typeof fields["folder"] === "string" ? fields["folder"] : "";
      const isDenied = /\b(EACCES|EPERM)\b/.test(text);
      const error = Object.assign(new Error(text), isDenied ? { code: "EACCES" } : {});
      note(error, { path: path.join(folder, inFolder), offsetBytes: 0 });
    },
  };
}

interface JournalReport extends Pick<
  DataReport,
  "journalSegments" | "journalRecords" | "tornTails"
> {
  readonly segments: readonly Segment[];
}

interface JournalCheck {
  readonly note: Note;
  /** True for a segment whose end no crash can have torn. */
  readonly isComplete: (segment: Segment) => boolean;
}

async function checkJournals(
  folder: string,
  files: Files,
  check: JournalCheck,
): Promise<JournalReport> {
  const report = { journalSegments: 0, journalRecords: 0, tornTails: 0 };
  const segments: Segment[] = [];
  try {
    if ((await files.facts(folder)) === undefined) return { ...report, segments };
    for (const prefix of [ROW_PREFIX, CHUNK_PREFIX])
      segments.push(...(await listSegments(files, folder, prefix)));
  } catch (error) {
    check.note(error, { path: folder, offsetBytes: 0 });
  }
  for (const segment of segments) {
    const found = await checkSegment(segment, files, check);
    report.journalSegments++;
    report.journalRecords += found.records;
    report.tornTails += found.tornTails;
  }
  return { ...report, segments };
}

async function checkSegment(
  segment: Segment,
  files: Files,
  { note: noteIn, isComplete }: JournalCheck,
): Promise<{ records: number; tornTails: number }> {
  const found = { records: 0, tornTails: 0 };
  const definitions = new DefinitionReader(new LayoutRegistry());
  const note = (offsetBytes: number, error: unknown): void =>
    noteIn(error, { path: segment.path, offsetBytes });
  const bytes = await readUnlessGone(segment.path, files, note);
  scanSegment(segment, bytes, {
    onRecord: (kind, payload, offsetBytes) => {
      found.records++;
      try {
        checkRecord(definitions, kind, new ByteReader(payload));
      } catch (error) {
        note(offsetBytes, error);
      }
    },
    onDamage: (_, { offsetBytes, lengthBytes, isTail }) => {
      if (isTail && !isComplete(segment)) found.tornTails++;
      else note(offsetBytes, new Error(`${lengthBytes} bytes do not match their checksum`));
    },
  });
  return found;
}

function checkRecord(definitions: DefinitionReader, kind: number, reader: ByteReader): void {
  if (definitions.take(kind, reader) || kind !== RECORD_KINDS.chunk) return;
  const { layout, body, stream } = readChunkRecord(reader);
  const { series } = definitions.layout(layout);
  if (stream === "stamped") {
    const chunk = openStampedChunk(new ByteReader(body), series.length);
    for (const column of series.keys()) chunk.decode(column);
    return;
  }
  decodeChunk(new ByteReader(body), series.length, Uint32Array.from(series.keys()));
}

/** The running program may remove a segment between listing and reading. */
async function readUnlessGone(
  filePath: string,
  files: Files,
  note: (offsetBytes: number, error: unknown) => void,
): Promise<Uint8Array> {
  try {
    return (await readOwnFile(files, filePath, MAX_SEGMENT_BYTES)) ?? new Uint8Array(0);
  } catch (error) {
    note(0, error);
    return new Uint8Array(0);
  }
}
