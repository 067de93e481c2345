import type { ByteWriter } from "./byte-writer.js";
import { crc32c } from "./crc32c.js";

/** Bytes before the payload: length (4), crc32c (4), kind (1). See journal.format.md, "Record". */
export const RECORD_HEADER_BYTES = 9;
/** Largest payload; a larger length field is damage. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** Most bytes to checksum in a search for the next whole record after a damaged one. */
const RESYNC_BUDGET_BYTES = 256 * 1024 * 1024;

/** A part of a segment without a readable record. */
export interface DamagedRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** True when no whole record follows: the result of a crash during a write. */
  readonly isTail: boolean;
}

export interface RecordVisitor {
  /** `payload` is a view into the segment. */
  onRecord(kind: number, payload: Uint8Array, offsetBytes: number): void;
  onDamage(range: DamagedRange): void;
}

/**
 * Appends one record with the payload that `write` produces.
 *
 * @param baseBytes position of the start of `writer` in its file; the checksum is bound to the
 * record's position
 */
export function appendRecord(
  writer: ByteWriter,
  baseBytes: number,
  kind: number,
  write: (writer: ByteWriter) => void,
): void {
  const start = writer.length;
  writer.reserve(RECORD_HEADER_BYTES);
  writer.length += RECORD_HEADER_BYTES;
  write(writer);
  const length = writer.length - start - RECORD_HEADER_BYTES;
  if (length < 1 || length > MAX_PAYLOAD_BYTES) {
    writer.length = start;
    throw new RangeError(
      `Cannot write record: its payload has ${length} bytes, it must have 1 to ${MAX_PAYLOAD_BYTES}`,
    );
  }
  writer.u32At(start, length);
  writer.bytes[start + 8] = kind;
  writer.u32At(start + 4, checksumOf(writer.bytes, start, length, baseBytes + start));
}

/** Visits every whole record of a segment in order, and skips damage. */
export function scanRecords(bytes: Uint8Array, startBytes: number, visitor: RecordVisitor): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const budget = { bytes: RESYNC_BUDGET_BYTES };
  let at = startBytes;
  while (at < bytes.length) {
    if (isWhole(bytes, view, at)) {
      const length = view.getUint32(at, true);
      const payloadAt = at + RECORD_HEADER_BYTES;
      visitor.onRecord(bytes[at + 8] as number, bytes.subarray(payloadAt, payloadAt + length), at);
      at = payloadAt + length;
      continue;
    }
    const next = findNext(bytes, view, at, budget);
    visitor.onDamage({
      offsetBytes: at,
      lengthBytes: next - at,
      isTail: next === bytes.length && budget.bytes >= 0,
    });
    at = next;
  }
}

/** True when an undamaged record starts at `offsetBytes`, which is also its place in the file. */
export function isWholeRecord(bytes: Uint8Array, placeBytes: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < RECORD_HEADER_BYTES) return false;
  const length = view.getUint32(0, true);
  if (length !== bytes.length - RECORD_HEADER_BYTES) return false;
  return view.getUint32(4, true) === checksumOf(bytes, 0, length, placeBytes);
}

function isWhole(bytes: Uint8Array, view: DataView, at: number): boolean {
  if (!isPlausible(bytes, view, at)) return false;
  return view.getUint32(at + 4, true) === checksumOf(bytes, at, view.getUint32(at, true), at);
}

function isPlausible(bytes: Uint8Array, view: DataView, at: number): boolean {
  if (at + RECORD_HEADER_BYTES > bytes.length) return false;
  const length = view.getUint32(at, true);
  return (
    length >= 1 && length <= MAX_PAYLOAD_BYTES && at + RECORD_HEADER_BYTES + length <= bytes.length
  );
}

/**
 * The position after the damaged record if its length is right, otherwise the first position of a
 * whole record.
 */
function findNext(
  bytes: Uint8Array,
  view: DataView,
  damagedAt: number,
  budget: { bytes: number },
): number {
  if (isPlausible(bytes, view, damagedAt)) {
    const behind = damagedAt + RECORD_HEADER_BYTES + view.getUint32(damagedAt, true);
    if (isWhole(bytes, view, behind)) return behind;
  }
  for (let at = damagedAt + 1; at < bytes.length - RECORD_HEADER_BYTES; at++) {
    if (!isPlausible(bytes, view, at)) continue;
    budget.bytes -= view.getUint32(at, true);
    if (budget.bytes < 0) break;
    if (isWhole(bytes, view, at)) return at;
  }
  return bytes.length;
}

/**
 * Checksum of kind, payload and length, seeded with the position, so the record is valid at no
 * other position of the file.
 */
function checksumOf(bytes: Uint8Array, at: number, length: number, placeBytes: number): number {
  const ofBody = crc32c(bytes, placeBytes, at + 8, at + RECORD_HEADER_BYTES + length);
  return crc32c(bytes, ofBody, at, at + 4);
}
