import { readFileSync } from "node:fs";
import path from "node:path";
import { parseExposition } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import { encodeMember } from "../../exporter/shared/codec/history/gzip-member.js";
import { memberHeaderOf } from "../../exporter/shared/codec/history/member-text.js";
import { readSegment } from "../../exporter/shared/codec/history/segment-reader.js";
import { ByteReader } from "../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../exporter/shared/journal/byte-writer.js";
import { crc32c } from "../../exporter/shared/journal/crc32c.js";
import { appendRecord } from "../../exporter/shared/journal/record.js";
import {
  encodeSegmentHeader,
  scanSegment,
  SEGMENT_HEADER_BYTES,
} from "../../exporter/shared/journal/segment.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { HttpResponseReader } from "../../exporter/shared/platform/http/http-response-reader.js";
import type { BlockName } from "../../scraper/storage/blocks/block-name.js";
import { BlockReader } from "../../scraper/storage/blocks/block-reader.js";
import { openGroup } from "../../scraper/storage/codec/block-codec.js";
import { decodeChunk, encodeChunk } from "../../scraper/storage/codec/chunk-codec.js";
import { ColumnEncoder, decodeColumn } from "../../scraper/storage/codec/column-codec.js";
import { readLabelSets, writeLabelSets } from "../../scraper/storage/codec/label-set-codec.js";
import { decodeRow } from "../../scraper/storage/codec/row-codec.js";
import {
  ALWAYS,
  appendRow,
  host,
  openStorage,
  STALE,
  START_MS,
  type Value,
} from "../scraper/storage/storage-fixture.js";
import { MemoryFiles } from "../support/memory-files.js";
import { REPOSITORY } from "../support/repository.js";
import type { FuzzTarget } from "./fuzz-target.js";

const golden = (name: string): Buffer => readFileSync(path.join(REPOSITORY, "test/golden", name));
const BLOCKS = ["block-v1.block", "block-v2.block", "block-v3.block"].map(golden);

/** Readers of bytes: files of both programs, and HTTP. */
export async function binaryTargets(): Promise<FuzzTarget[]> {
  return [
    ...historyTargets(),
    ...(await journalTargets()),
    ...(await blockTargets()),
    httpTarget(),
  ];
}

const MEMBER_TEXT = `# pihealth-history v1 boot_id=8859f9e1-e0c4-4b5b-afee-c9b0e4368736 monotonic_ms=5000 wall_ms=1768221628000
pihealth_memory_used_ratio 0.5 1768221628000
pihealth_collector_success{collector="memory"} 1 1768221628000
`;

function historyTargets(): FuzzTarget[] {
  const members = Buffer.concat([
    encodeMember(MEMBER_TEXT),
    encodeMember(`${MEMBER_TEXT}up 1 5\n`),
  ]);
  return [
    {
      name: "segments of the history",
      seeds: [members],
      tokens: ["\u001f", "PH"],
      run: (input) => readWholeSegment(input),
    },
    {
      name: "texts in the history",
      seeds: [Buffer.from(MEMBER_TEXT)],
      tokens: ["# pihealth-history v1 ", "wall_ms=", "-1", "1e30", "\n"],
      run: (input) => readWholeSegment(encodeMember(input.toString())),
    },
  ];
}

async function readWholeSegment(bytes: Buffer): Promise<void> {
  const file = {
    read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
    sizeBytes: bytes.length,
    close: async () => undefined,
  };
  for await (const { text } of readSegment(file, bytes.length)) {
    if (text === undefined || memberHeaderOf(text) === undefined) continue;
    parseExposition(text);
  }
}

/** Each record of a segment: kind (1 byte), length (2 bytes), payload. Checksums are added later. */
interface BareRecord {
  readonly kind: number;
  readonly payload: Uint8Array;
}

async function journalTargets(): Promise<FuzzTarget[]> {
  const files = await recordedFiles();
  const paths = files.paths().filter((file) => file.includes("/journal/"));
  const segments = await Promise.all(paths.map((file) => files.readBytes(file)));
  const [rowPath = ""] = paths.filter((file) => file.includes("/journal-"));
  return [
    {
      name: "segments of the journal",
      seeds: [...segments.map((bytes) => Buffer.from(bytes)), golden("journal-v1.bin")],
      tokens: ["PIHJRNL\u0001"],
      run: (input) => readFolder(rowPath, input),
    },
    {
      name: "records of the journal",
      seeds: segments.map(withoutChecksums),
      tokens: ["\u0001", "\u0004"],
      run: (input) => readFolder(rowPath, withChecksums(input)),
    },
  ];
}

/** The files of a storage that was killed after some rows. */
async function recordedFiles(): Promise<MemoryFiles> {
  const { files, storage, clock } = await openStorage();
  for (let row = 0; row < 6; row++) {
    await clock.advance(15_000);
    const last: Record<string, Value> = row % 2 === 0 ? { c: 1e9 + row } : { d: -row };
    const values: Record<string, Value> = { a: row, b: row === 4 ? STALE : 0.5, ...last };
    appendRow(storage, host(`10.0.0.${row % 2}`), START_MS + row * 15_000, values);
    await storage.commit();
  }
  return files.afterPowerCut();
}

async function readFolder(segmentPath: string, bytes: Uint8Array): Promise<void> {
  const files = new MemoryFiles();
  files.put(segmentPath, bytes);
  const { storage } = await openStorage(files);
  // Records that no program wrote may define a series twice, so the answer is not looked at.
  await storage.querier.select([], ALWAYS);
  await storage.stop();
}

function withoutChecksums(segment: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  scanSegment({ sequence: 1, path: "" }, segment, {
    onRecord: (kind, payload) => {
      parts.push(Buffer.of(kind, payload.length & 255, payload.length >> 8), payload.slice());
    },
    onDamage: () => undefined,
  });
  return Buffer.concat(parts);
}

function* bareRecords(bytes: Buffer): Iterable<BareRecord> {
  for (let at = 0; at + 3 < bytes.length;) {
    const end = Math.min(bytes.length, at + 3 + Math.max(1, bytes.readUInt16LE(at + 1)));
    yield { kind: bytes.readUInt8(at), payload: bytes.subarray(at + 3, end) };
    at = end;
  }
}

function withChecksums(bytes: Buffer): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(encodeSegmentHeader(1));
  for (const { kind, payload } of bareRecords(bytes))
    appendRecord(writer, 0, kind, (record) => record.raw(payload));
  return writer.length === SEGMENT_HEADER_BYTES ? encodeSegmentHeader(1) : writer.copy();
}

/** Lengths of the columns in the golden file. */
const COLUMN_LENGTHS = [4, 8, 8, 8, 4, 3, 3, 4, 8, 5, 3];

async function blockTargets(): Promise<FuzzTarget[]> {
  const decoder = (name: string, seed: Uint8Array, read: (reader: ByteReader) => void) => ({
    name,
    seeds: [Buffer.from(seed)],
    tokens: ["\u0080", "\u00ff"],
    run: (input: Buffer) => read(new ByteReader(input)),
  });
  const rowLength = COLUMN_LENGTHS.reduce((sum, length) => sum + length, 0);
  return [
    { name: "blocks", seeds: BLOCKS, tokens: ["PIHBLOCK"], run: readBlock },
    ...(await Promise.all(BLOCKS.map(groupTarget))),
    decoder("columns", golden("columns-v1.bin"), (reader) => {
      for (const length of COLUMN_LENGTHS) decodeColumn(reader, new Float64Array(length));
    }),
    decoder("rows", golden("row-v1.bin"), (reader) => {
      decodeRow(reader, new Float64Array(rowLength));
    }),
    decoder("chunks", encodedChunk(), (reader) => {
      decodeChunk(reader, 3, Uint32Array.of(0, 2));
    }),
    decoder("label sets", encodedLabelSets(), readLabelSets),
  ];
}

function encodedChunk(): Uint8Array {
  const writer = new ByteWriter();
  const times = Float64Array.of(START_MS, START_MS + 15_000, START_MS + 30_000);
  const columns = [
    Float64Array.of(1, 2, 3),
    Float64Array.of(0.5, Number.NaN, Math.PI),
    Float64Array.of(1e9, 1e9, 1e9),
  ];
  encodeChunk(times, 3, (column) => itemAt(columns, column), new ColumnEncoder(), writer);
  return writer.copy();
}

function encodedLabelSets(): Uint8Array {
  const writer = new ByteWriter();
  const sets = ["a", "b"].map((name) => Labels.of({ __name__: name, job: "pi" }).pairs);
  writeLabelSets(sets, writer);
  return writer.copy();
}

/** The first group of a block, with a checksum that fits whatever the bytes are. */
async function groupTarget(block: Buffer, number: number): Promise<FuzzTarget> {
  const { reader } = openBlock(block);
  const { groups, version } = await reader.directory(BLOCK_NAME);
  const seed = Buffer.from(await reader.groupBytes(BLOCK_NAME, 0));
  await reader.close();
  const group = itemAt(groups, 0);
  return {
    name: `groups of columns, version ${number + 1}`,
    seeds: [seed],
    tokens: ["\u0080", "\u00ff\u00ff\u00ff"],
    run: async (input) => {
      const columns = await openGroup(input, { ...group, checksum: crc32c(input) }, version);
      columns.read(Array.from({ length: group.columns }, (_, column) => column));
    },
  };
}

function openBlock(bytes: Uint8Array): { readonly reader: BlockReader } {
  const files = new MemoryFiles();
  const reader = new BlockReader(files, "/data");
  files.put(reader.pathOf(BLOCK_NAME), bytes);
  return { reader };
}

async function readBlock(input: Buffer): Promise<void> {
  const { reader } = openBlock(input);
  try {
    const { series } = await reader.directory(BLOCK_NAME);
    await reader.columns(BLOCK_NAME, Uint32Array.from(series.keys()));
  } finally {
    await reader.close();
  }
}

const BLOCK_NAME: BlockName = {
  folder: "hosts/10.0.0.1",
  name: "1768233600000-1768240800000-1.block",
  fromMs: 1_768_233_600_000,
  untilMs: 1_768_240_800_000,
  sequence: 1,
};

/** The response arrives in pieces, whose length is the first byte. */
function httpTarget(): FuzzTarget {
  const texts = [
    "\u0010HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\na 1\n\n",
    "\u0003HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\na 1\n\r\n0\r\nTrailer: x\r\n\r\n",
    "\u00ffHTTP/1.0 404 Not Found\r\nConnection: close\r\n\r\nrest",
  ];
  return {
    name: "HTTP responses",
    seeds: texts.map((text) => Buffer.from(text, "latin1")),
    tokens: ["\r\n", "HTTP/1.1 ", "chunked", "Content-Length: ", "ffffffffffffffff\r\n", "100"],
    run: (input) => {
      const reader = new HttpResponseReader(100_000);
      const step = Math.max(1, input[0] ?? 1);
      for (let at = 1; at < input.length && !reader.isDone; at += step)
        reader.read(input.subarray(at, at + step));
      reader.end();
    },
  };
}
