/**
 * The binary login records of the C library: utmp (sessions now), wtmp (sessions ever) and lastlog
 * (last login per user id).
 *
 * Records are as wide as the machine's `long` makes them: a utmp record takes 384 bytes on 32-bit
 * ARM and on x86, but 400 on arm64, where session and time are 64 bits wide; a lastlog record 292
 * or 296 (bits/types/struct_utmp.h).
 */

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

/** Skips garbage between records, and an incomplete last record. */
export function parseLoginRecords(bytes: Uint8Array): LoginRecord[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = [NARROW_RECORD_BYTES, WIDE_RECORD_BYTES].find((candidate) =>
    hasWidth(buffer, candidate),
  );
  const records: LoginRecord[] = [];
  if (width === undefined) return records;
  for (let offset = 0; offset + width <= buffer.length; offset += width) {
    if (buffer.readInt16LE(offset) === USER_PROCESS)
      records.push(readRecord(buffer, offset, width));
  }
  return records;
}

/**
 * Every record must begin with a known type. With a wrong width, a type would soon be read from a
 * name or an address.
 */
function hasWidth(buffer: Buffer, width: number): boolean {
  if (buffer.length < width) return false;
  for (let offset = 0; offset + width <= buffer.length; offset += width) {
    const type = buffer.readInt16LE(offset);
    if (type < 0 || type > LAST_TYPE) return false;
  }
  const isOnlyCandidate =
    buffer.length % WIDE_RECORD_BYTES === 0 && buffer.length % NARROW_RECORD_BYTES !== 0;
  return width === WIDE_RECORD_BYTES || !isOnlyCandidate;
}

function readRecord(buffer: Buffer, offset: number, width: number): LoginRecord {
  const seconds =
    width === WIDE_RECORD_BYTES
      ? Number(buffer.readBigInt64LE(offset + 344))
      : buffer.readUInt32LE(offset + 340);
  return {
    pid: buffer.readInt32LE(offset + 4),
    tty: textAt(buffer, offset + 8, 32),
    user: textAt(buffer, offset + 44, 32),
    host: textAt(buffer, offset + 76, 256),
    timeMs: seconds * 1000,
  };
}

function textAt(buffer: Buffer, offset: number, length: number): string {
  const end = buffer.indexOf(0, offset);
  return buffer.toString(
    "utf8",
    offset,
    end < 0 ? offset + length : Math.min(end, offset + length),
  );
}

/**
 * Width of the records of a lastlog file, which has one per user id up to the highest that ever
 * logged in.
 */
export function lastlogRecordBytes(fileBytes: number): number {
  return fileBytes % 296 === 0 && fileBytes % 292 !== 0 ? 296 : 292;
}

/** @returns milliseconds since the epoch; undefined when the user never logged in */
export function parseLastlogRecord(record: Uint8Array): number | undefined {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  if (buffer.length !== 292 && buffer.length !== 296) return undefined;
  const seconds = buffer.length === 296 ? Number(buffer.readBigInt64LE(0)) : buffer.readUInt32LE(0);
  return seconds > 0 ? seconds * 1000 : undefined;
}
