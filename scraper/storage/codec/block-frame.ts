import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";

/** First bytes of a block, and its last ones; the version follows. See block.format.md. */
const MAGIC = Uint8Array.of(0x50, 0x49, 0x48, 0x42, 0x4c, 0x4f, 0x43); // "PIHBLOC"
/** Magic bytes (7) and version (1). */
export const MAGIC_BYTES = 8;
/** The version of blocks with rows that is written. Older ones can be read. */
const ROWS_VERSION = 3;
/** The version of blocks with stamped samples in groups. It is only read. */
export const STAMPED_VERSION = 4;
/** The version of blocks with stamped samples in slices that is written, and the newest one. */
export const SLICED_VERSION = 5;
/** First versions with range-coded steps in groups, and with sections in the directory. */
export const FIRST_WITH_CODED_STEPS = 2;
export const FIRST_WITH_SECTIONS = 3;
/** Columns coded together: to read one of them, all bytes of the group are read. */
export const GROUP_COLUMNS = 64;
/** A group with more rows is damaged. */
export const MAX_ROWS = 1 << 24;
/** Offset (6), length (4) and crc32c (4) of the directory, then magic bytes and version (8). */
export const FOOTER_BYTES = 22;

/** Where a group of columns is in the file. */
export interface BlockGroup {
  readonly columns: number;
  readonly rows: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

/** Where the directory is, and the version of the block. */
export interface BlockFooter {
  readonly version: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

/** The first bytes of a block. */
export function encodeMagic(version = ROWS_VERSION): Uint8Array {
  const writer = new ByteWriter(MAGIC_BYTES);
  writeMagic(writer, version);
  return writer.written();
}

export function encodeFooter(
  directory: Uint8Array,
  offsetBytes: number,
  version = ROWS_VERSION,
): Uint8Array {
  const footer = new ByteWriter(FOOTER_BYTES);
  footer.u16(Math.floor(offsetBytes / 2 ** 32));
  footer.u32(offsetBytes % 2 ** 32);
  footer.u32(directory.length);
  footer.u32(crc32c(directory));
  writeMagic(footer, version);
  return footer.written();
}

/**
 * @param bytes the `FOOTER_BYTES` before `endBytes`, the end of the file or of the first directory
 * @throws {MalformedBytesError} when they are no footer
 */
export function decodeFooter(bytes: Uint8Array, endBytes: number): BlockFooter {
  const reader = new ByteReader(bytes);
  const offsetBytes = reader.u16() * 2 ** 32 + reader.u32();
  const lengthBytes = reader.u32();
  const checksum = reader.u32();
  const magic = reader.raw(MAGIC.length);
  const version = reader.u8();
  const isBlock = MAGIC.every((byte, index) => magic[index] === byte);
  if (!isBlock || offsetBytes + lengthBytes + FOOTER_BYTES !== endBytes)
    throw new MalformedBytesError("Cannot read block: it does not end with a footer");
  if (version < 1 || version > SLICED_VERSION) {
    throw new MalformedBytesError(
      `Cannot read block: its version is ${version}, it must be 1 to ${SLICED_VERSION}`,
    );
  }
  return { version, offsetBytes, lengthBytes, checksum };
}

/**
 * Finds the footer of the first directory, if the block has two.
 *
 * @param tail the last bytes of the file, from `tailAt` on
 */
export function findFirstFooter(tail: Uint8Array, tailAt: number): BlockFooter | undefined {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  const magic = Buffer.from(MAGIC);
  for (let from = bytes.length - FOOTER_BYTES; from > 0;) {
    const at = bytes.lastIndexOf(magic, from);
    if (at < 0) return undefined;
    const end = at + MAGIC_BYTES;
    try {
      if (end >= FOOTER_BYTES && end < bytes.length)
        return decodeFooter(bytes.subarray(end - FOOTER_BYTES, end), tailAt + end);
    } catch {
      // Other data happens to contain the magic bytes: the search goes on.
    }
    from = at - 1;
  }
  return undefined;
}

/** @throws {MalformedBytesError} when the checksum of the bytes is another */
export function requireChecksum(bytes: Uint8Array, checksum: number, part: string): void {
  if (crc32c(bytes) !== checksum)
    throw new MalformedBytesError(`Cannot read block: a ${part} does not match its checksum`);
}

function writeMagic(writer: ByteWriter, version: number): void {
  writer.raw(MAGIC);
  writer.u8(version);
}
