import path from "node:path";
import { ByteReader } from "../../exporter/shared/journal/byte-reader.js";
import { listSegments, scanSegment, type Segment } from "../../exporter/shared/journal/segment.js";
import { codeOf, messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { type Logger, silentLogger } from "../../exporter/shared/platform/logger.js";
import { BlockStore } from "./blocks/block-store.js";
import { decodeChunk } from "./codec/chunk-codec.js";
import { DefinitionReader } from "./codec/definition-reader.js";
import { readChunkRecord, RECORD_KINDS } from "./codec/journal-records.js";
import { openStampedChunk } from "./codec/stamped-codec.js";
import { CHUNK_PREFIX, JOURNAL_FOLDER, ROW_PREFIX } from "./model/data-folder.js";
import { LayoutRegistry } from "./model/layout-registry.js";
import { StorageCounters } from "./model/storage-counters.js";

/** A place in the data folder where the bytes are not those that were written. */
export interface DataProblem {
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
}

/**
 * Verifies every checksum in a data folder. It changes nothing, so it may run beside the program that
 * writes there.
 */
export async function checkData(folder: string, files: Files): Promise<DataReport> {
  const problems: DataProblem[] = [];
  const journals = await checkJournals(path.join(folder, JOURNAL_FOLDER), files, problems);
  const counters = new StorageCounters();
  const store = await BlockStore.open({
    files,
    log: loggerInto(problems, folder),
    dataFolder: folder,
    counters,
    isReadOnly: true,
  });
  const blocks = store.all();
  for (const block of blocks) {
    for (const error of await store.reader.verify(block)) {
      problems.push({ path: error.path, offsetBytes: error.offsetBytes, detail: error.message });
    }
  }
  await store.reader.close();
  return { blocks: blocks.length, ...journals, problems };
}

/** Turns errors that the block store logs, such as a folder it cannot list, into problems. */
function loggerInto(problems: DataProblem[], folder: string): Logger {
  return {
    ...silentLogger,
    error: (message, fields) =>
      problems.push({
        path: folder,
        offsetBytes: 0,
        detail: [message, ...Object.values(fields ?? {})].join(", "),
      }),
  };
}

type JournalReport = Pick<DataReport, "journalSegments" | "journalRecords" | "tornTails">;

async function checkJournals(
  folder: string,
  files: Files,
  problems: DataProblem[],
): Promise<JournalReport> {
  const report = { journalSegments: 0, journalRecords: 0, tornTails: 0 };
  if ((await files.facts(folder)) === undefined) return report;
  const segments = [
    ...(await listSegments(files, folder, ROW_PREFIX)),
    ...(await listSegments(files, folder, CHUNK_PREFIX)),
  ];
  for (const segment of segments) {
    const found = await checkSegment(segment, files, problems);
    report.journalSegments++;
    report.journalRecords += found.records;
    report.tornTails += found.tornTails;
  }
  return report;
}

async function checkSegment(
  segment: Segment,
  files: Files,
  problems: DataProblem[],
): Promise<{ records: number; tornTails: number }> {
  const found = { records: 0, tornTails: 0 };
  const definitions = new DefinitionReader(new LayoutRegistry());
  const note = (offsetBytes: number, detail: string): void => {
    problems.push({ path: segment.path, offsetBytes, detail });
  };
  const bytes = await readUnlessGone(segment.path, files, note);
  scanSegment(segment, bytes, {
    onRecord: (kind, payload, offsetBytes) => {
      found.records++;
      try {
        checkRecord(definitions, kind, new ByteReader(payload));
      } catch (error) {
        note(offsetBytes, messageOf(error));
      }
    },
    onDamage: (_, { offsetBytes, lengthBytes, isTail }) => {
      if (isTail) found.tornTails++;
      else note(offsetBytes, `${lengthBytes} bytes do not match their checksum`);
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
  note: (offsetBytes: number, detail: string) => void,
): Promise<Uint8Array> {
  try {
    return await files.readBytes(filePath);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") note(0, messageOf(error));
    return new Uint8Array(0);
  }
}
