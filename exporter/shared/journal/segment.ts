import path from "node:path";
import type { Files } from "../platform/files.js";
import { type DamagedRange, scanRecords } from "./record.js";

/** First bytes of every segment. The last one is the version of the format. */
const MAGIC = [0x50, 0x49, 0x48, 0x4a, 0x52, 0x4e, 0x4c, 0x01]; // "PIHJRNL", 1
/** Magic and version (8), sequence (4). */
export const SEGMENT_HEADER_BYTES = 12;
const SEQUENCE_DIGITS = 8;
/** Far more than a segment grows to, and less than one read may return. */
export const MAX_SEGMENT_BYTES = 2 ** 30;

export interface Segment {
  readonly sequence: number;
  readonly path: string;
}

export interface SegmentVisitor {
  onRecord(kind: number, payload: Uint8Array, offsetBytes: number, sequence: number): void;
  /** Reports bytes from which nothing could be read. `segmentPath` is for messages. */
  onDamage(segmentPath: string, range: DamagedRange): void;
}

export function segmentName(prefix: string, sequence: number): string {
  return `${prefix}-${String(sequence).padStart(SEQUENCE_DIGITS, "0")}`;
}

export function encodeSegmentHeader(sequence: number): Uint8Array {
  const header = new Uint8Array(SEGMENT_HEADER_BYTES);
  header.set(MAGIC);
  new DataView(header.buffer).setUint32(MAGIC.length, sequence, true);
  return header;
}

/** The number that a header tells; undefined when it is no header. */
export function sequenceInHeader(header: Uint8Array): number | undefined {
  const isHeader =
    header.length >= SEGMENT_HEADER_BYTES && MAGIC.every((byte, index) => header[index] === byte);
  if (!isHeader) return undefined;
  return new DataView(header.buffer, header.byteOffset).getUint32(MAGIC.length, true);
}

/** The segments of a journal, oldest first. */
export async function listSegments(
  files: Files,
  folder: string,
  prefix: string,
): Promise<Segment[]> {
  const pattern = new RegExp(`^${prefix}-(\\d{${SEQUENCE_DIGITS},})$`);
  const found: Segment[] = [];
  for (const { name, isFolder } of await files.list(folder)) {
    const match = pattern.exec(name);
    if (match !== null && !isFolder)
      found.push({ sequence: Number(match[1]), path: path.join(folder, name) });
  }
  return found.sort((left, right) => left.sequence - right.sequence);
}

/** Reads one segment from the first record to the last, and reports damage instead of throwing. */
export function scanSegment(segment: Segment, bytes: Uint8Array, visitor: SegmentVisitor): void {
  const header = encodeSegmentHeader(segment.sequence);
  const isIntact = header.every((byte, index) => bytes[index] === byte);
  if (!isIntact) {
    const isTail = bytes.length <= SEGMENT_HEADER_BYTES;
    const lengthBytes = Math.min(bytes.length, SEGMENT_HEADER_BYTES);
    if (bytes.length > 0) visitor.onDamage(segment.path, { offsetBytes: 0, lengthBytes, isTail });
  }
  // The records of a segment with a damaged header are readable, because each has its own checksum.
  scanRecords(bytes, SEGMENT_HEADER_BYTES, {
    onRecord: (kind, payload, offsetBytes) =>
      visitor.onRecord(kind, payload, offsetBytes, segment.sequence),
    onDamage: (range) => visitor.onDamage(segment.path, range),
  });
}
