/**
 * The binary login records of the C library: utmp (sessions now), wtmp (sessions ever) and lastlog
 * (last login per user id).
 *
 * Records are as wide as the machine's `long` makes them: a utmp record takes 384 bytes on 32-bit
 * ARM and on x86, but 400 on arm64, where session and time are 64 bits wide; a lastlog record 292
 * or 296 (bits/types/struct_utmp.h). A 32-bit system under a 64-bit kernel writes narrow records, so
 * the content decides, and the architecture where the content fits both.
 */

import { isUtf8 } from "node:buffer";
import { textOfBytes } from "./byte-text.js";

/** A login by a user, type USER_PROCESS. */
export interface LoginRecord {
  readonly pid: number;
  readonly user: string;
  readonly tty: string;
  readonly host: string;
  readonly timeMs: number;
}

const NARROW_RECORD_BYTES = 384;
const WIDE_RECORD_BYTES = 400;
/** A multiple of the record size for every width of records. */
export const LOGIN_RECORDS_STEP_BYTES = 9600;
const USER_PROCESS = 7; // utmp(5)
const LAST_TYPE = 9;

/**
 * Skips garbage between records, an incomplete last record, and records without a user. Bytes that
 * are no records have none.
 *
 * @param isWide the machine's own width, for records that look right in both
 */
export function parseLoginRecords(bytes: Uint8Array, isWide = false): LoginRecord[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = widthOf(buffer, isWide);
  const records: LoginRecord[] = [];
  if (width === undefined) return records;
  for (let offset = 0; offset + width <= buffer.length; offset += width) {
    if (buffer.readInt16LE(offset) !== USER_PROCESS) continue;
    const record = readRecord(buffer, offset, width);
    if (record.user !== "") records.push(record);
  }
  return records;
}

/** False when the bytes hold something, and no records of any width. */
export function areLoginRecords(bytes: Uint8Array, isWide = false): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return widthOf(buffer, isWide) !== undefined || buffer.every((byte) => byte === 0);
}

type Width = typeof NARROW_RECORD_BYTES | typeof WIDE_RECORD_BYTES;

/** The width with which the most bytes are records, and the most records have a date. */
function widthOf(buffer: Buffer, isWide: boolean): Width | undefined {
  const widths: readonly Width[] = isWide
    ? [WIDE_RECORD_BYTES, NARROW_RECORD_BYTES]
    : [NARROW_RECORD_BYTES, WIDE_RECORD_BYTES];
  let best: { width: Width; score: number } | undefined;
  for (const width of widths) {
    const score = scoreOf(buffer, width);
    if (score > (best?.score ?? 0)) best = { width, score };
  }
  // Text in another encoding than UTF-8 may be in all records.
  return best?.width ?? widths.find((width) => isMadeOf(buffer, width, isNearlyRecord));
}

/** Of a record with a date; one in use without a date counts 1. */
const DATED_SCORE = 1000;
/** Of bytes that are no record. One odd record does not hide the others. */
const BROKEN_SCORE = -500;
/** Read with the wrong width, the microseconds of a time are less than this. */
const LEAST_DATE_SECONDS = 1_000_000;

/** With a wrong width, the parts of a record would soon be read from other parts. */
function scoreOf(buffer: Buffer, width: Width): number {
  let score = 0;
  for (let offset = 0; offset + width <= buffer.length; offset += width) {
    if (!isRecord(buffer, offset, width)) score += BROKEN_SCORE;
    else if (buffer.readInt16LE(offset) !== 0)
      score += timeAt(buffer, offset, width) >= LEAST_DATE_SECONDS ? DATED_SCORE : 1;
  }
  return score;
}

function isMadeOf(
  buffer: Buffer,
  width: Width,
  isPart: (buffer: Buffer, offset: number, width: Width) => boolean,
): boolean {
  let isUsed = false;
  for (let offset = 0; offset + width <= buffer.length; offset += width) {
    if (!isPart(buffer, offset, width)) return false;
    isUsed ||= buffer.readInt16LE(offset) !== 0;
  }
  return isUsed;
}

function isRecord(buffer: Buffer, offset: number, width: Width): boolean {
  return (
    isNearlyRecord(buffer, offset, width) &&
    TEXT_FIELDS.every(([at, length]) => isTextField(buffer, offset + at, length))
  );
}

/** True when type and time are possible, whatever the texts are. */
function isNearlyRecord(buffer: Buffer, offset: number, width: Width): boolean {
  const type = buffer.readInt16LE(offset);
  return type >= 0 && type <= LAST_TYPE && isPossibleTime(timeAt(buffer, offset, width));
}

/** Terminal, user and host. */
const TEXT_FIELDS = [
  [8, 32],
  [44, 32],
  [76, 256],
] as const;

/** Printable characters first, then nothing but NUL. */
function isTextField(buffer: Buffer, start: number, length: number): boolean {
  const field = buffer.subarray(start, start + length);
  const end = field.indexOf(0);
  const text = end < 0 ? field : field.subarray(0, end);
  return (
    text.every((byte) => byte >= 0x20 && byte !== 0x7f) &&
    isUtf8(text) &&
    (end < 0 || field.subarray(end).every((byte) => byte === 0))
  );
}

/** In seconds. Year 2200: no record is later, and garbage soon is. */
const isPossibleTime = (seconds: number): boolean => seconds >= 0 && seconds < 7_258_118_400;

function timeAt(buffer: Buffer, offset: number, width: Width): number {
  return width === WIDE_RECORD_BYTES
    ? Number(buffer.readBigInt64LE(offset + 344))
    : buffer.readUInt32LE(offset + 340);
}

function readRecord(buffer: Buffer, offset: number, width: Width): LoginRecord {
  return {
    pid: buffer.readInt32LE(offset + 4),
    tty: textAt(buffer, offset + 8, 32),
    user: textAt(buffer, offset + 44, 32),
    host: textAt(buffer, offset + 76, 256),
    timeMs: timeAt(buffer, offset, width) * 1000,
  };
}

function textAt(buffer: Buffer, offset: number, length: number): string {
  const end = buffer.indexOf(0, offset);
  return textOfBytes(
    buffer.subarray(offset, end < 0 ? offset + length : Math.min(end, offset + length)),
  );
}

/** The widths that records of lastlog may have. */
export const LASTLOG_RECORD_BYTES = { narrow: 292, wide: 296 } as const;
export type LastlogWidth = (typeof LASTLOG_RECORD_BYTES)["narrow" | "wide"];

/**
 * Reads a record of lastlog: time, terminal, host.
 *
 * @returns milliseconds since the epoch; 0 when the user never logged in; undefined when the bytes
 *   are no record of their length
 */
export function parseLastlogRecord(record: Uint8Array): number | undefined {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const isWide = buffer.length === LASTLOG_RECORD_BYTES.wide;
  if (!isWide && buffer.length !== LASTLOG_RECORD_BYTES.narrow) return undefined;
  const seconds = isWide ? Number(buffer.readBigInt64LE(0)) : buffer.readUInt32LE(0);
  const line = isWide ? 8 : 4;
  const isRecord =
    isPossibleTime(seconds) &&
    isTextField(buffer, line, 32) &&
    isTextField(buffer, line + 32, 256) &&
    // Nobody has a terminal without a time.
    (seconds > 0 || buffer.every((byte) => byte === 0));
  return isRecord ? seconds * 1000 : undefined;
}
