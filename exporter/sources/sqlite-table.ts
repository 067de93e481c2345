import { BrokenSourceError } from "./broken-source-error.js";

/**
 * Reads all rows of one table of a SQLite 3 file (sqlite.org/fileformat2.html) by walking the
 * table's B-tree.
 *
 * Made for small files. Rows that overflow their page, and columns with binary data, are read as
 * `null`.
 */
export type SqliteValue = string | number | null;

const MAGIC = "SQLite format 3\0";
const FILE_HEADER_BYTES = 100;
const INTERIOR_PAGE = 5;
const LEAF_PAGE = 13;
const MAX_PAGES = 4096; // More page visits than this mean a cycle in a damaged file.

/**
 * @returns rows in the order of their row ids, columns as in the CREATE statement; none when there
 *   is no such table
 * @throws {BrokenSourceError} when the bytes are not a SQLite file or contradict themselves
 */
export function readSqliteTable(bytes: Uint8Array, table: string): SqliteValue[][] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return readTable(file, table);
  } catch (error) {
    if (error instanceof BrokenSourceError) throw error;
    throw new BrokenSourceError(table, "its SQLite file is damaged", { cause: error });
  }
}

function readTable(file: Buffer, table: string): SqliteValue[][] {
  if (file.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new BrokenSourceError(table, "its file is not a SQLite 3 database");
  }
  const declared = file.readUInt16BE(16);
  const pageBytes = declared === 1 ? 65_536 : declared;
  // Columns of the schema: type, name, table name, root page, statement.
  const schema = readTree({ file, pageBytes }, 1);
  const entry = schema.find(([type, name]) => type === "table" && name === table);
  return entry === undefined ? [] : readTree({ file, pageBytes }, Number(entry[3]));
}

interface Database {
  readonly file: Buffer;
  readonly pageBytes: number;
}

function readTree(database: Database, rootPage: number): SqliteValue[][] {
  const rows: SqliteValue[][] = [];
  const pages = [rootPage];
  let visited = 0;
  for (let number = pages.pop(); number !== undefined; number = pages.pop()) {
    if (visited++ > MAX_PAGES) throw new RangeError("too many pages");
    const start = (number - 1) * database.pageBytes;
    const page = database.file.subarray(start, start + database.pageBytes);
    const header = number === 1 ? FILE_HEADER_BYTES : 0;
    const type = page.readUInt8(header);
    if (type !== INTERIOR_PAGE && type !== LEAF_PAGE)
      throw new RangeError(`page ${number} has type ${type}`);
    const cells = page.readUInt16BE(header + 3);
    const pointers = header + (type === INTERIOR_PAGE ? 12 : 8);
    const offsets = Array.from({ length: cells }, (_, index) =>
      page.readUInt16BE(pointers + 2 * index),
    );
    if (type === LEAF_PAGE) rows.push(...offsets.map((offset) => readRow(page, offset)));
    else
      pages.push(
        page.readUInt32BE(header + 8),
        ...offsets.map((offset) => page.readUInt32BE(offset)).reverse(),
      );
  }
  return rows;
}

/**
 * A leaf cell: payload length, row id, then the record: header length, one type per column, the
 * values.
 */
function readRow(page: Buffer, cell: number): SqliteValue[] {
  const payload = readVarint(page, cell);
  const rowId = readVarint(page, payload.next);
  const start = rowId.next;
  const headerLength = readVarint(page, start);
  const types: number[] = [];
  for (let at = headerLength.next; at < start + headerLength.value;) {
    const type = readVarint(page, at);
    types.push(type.value);
    at = type.next;
  }
  let at = start + headerLength.value;
  return types.map((type) => {
    const length = valueBytes(type);
    const value = at + length > page.length ? null : readValue(page, at, type);
    at += length;
    return value;
  });
}

/** By serial type; 7 is a floating point number, 8 and 9 are the values 0 and 1. */
const VALUE_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function valueBytes(type: number): number {
  return VALUE_BYTES[type] ?? Math.floor((type - 12) / 2);
}

function readValue(page: Buffer, at: number, type: number): SqliteValue {
  if (type >= 13 && type % 2 === 1) return page.toString("utf8", at, at + valueBytes(type));
  if (type === 0 || type > 9) return null;
  if (type === 7) return page.readDoubleBE(at);
  if (type >= 8) return type - 8;
  if (type === 6) return Number(page.readBigInt64BE(at));
  return page.readIntBE(at, valueBytes(type));
}

/** Seven bits to a byte, highest first, the eighth says that more follow; at most nine bytes. */
function readVarint(page: Buffer, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = page.readUInt8(at);
    value = value * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) return { value, next: at + 1 };
  }
  return { value: value * 256 + page.readUInt8(start + 8), next: start + 9 };
}
