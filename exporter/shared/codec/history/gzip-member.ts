import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

/**
 * Header of a member: 10 bytes of gzip, XLEN (2), one subfield of 4 + 4 bytes. See
 * history.format.md.
 */
export const MEMBER_HEADER_BYTES = 20;
const TRAILER_BYTES = 8;
const DEFLATE_LEVEL = 9; // 4 % smaller than level 6 for histories, for a millisecond a minute.
const EXTRA_FIELD_BYTES = 8;
/** A shorter member is damaged, because deflate needs at least one byte. */
const MIN_MEMBER_BYTES = MEMBER_HEADER_BYTES + TRAILER_BYTES + 1;
/** Largest text of one member; the writer splits a larger flush. */
export const MAX_MEMBER_TEXT_BYTES = 16 * 1024 * 1024;
/** Deflate adds at most five bytes for every 16 KiB of incompressible data. */
export const MAX_MEMBER_BYTES = MAX_MEMBER_TEXT_BYTES + 8192;

const FIXED_HEADER = Uint8Array.of(
  ...[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3],
  ...[EXTRA_FIELD_BYTES, 0, 0x50, 0x48, 4, 0],
);
/** The first bytes of every member. */
export const MEMBER_MARK: Uint8Array = FIXED_HEADER;

/**
 * Compresses one flush into a gzip member (RFC 1952) that contains its own length, so members can
 * be counted.
 */
export function encodeMember(text: string): Buffer {
  const content = Buffer.from(text, "utf8");
  if (content.length > MAX_MEMBER_TEXT_BYTES) {
    throw new RangeError(
      `Cannot encode member: it has ${content.length} bytes, at most ${MAX_MEMBER_TEXT_BYTES} fit`,
    );
  }
  const deflated = deflateRawSync(content, { level: DEFLATE_LEVEL });
  const member = Buffer.alloc(MEMBER_HEADER_BYTES + deflated.length + TRAILER_BYTES);
  member.set(FIXED_HEADER);
  member.writeUInt32LE(member.length, FIXED_HEADER.length);
  member.set(deflated, MEMBER_HEADER_BYTES);
  member.writeUInt32LE(crc32(content), member.length - TRAILER_BYTES);
  member.writeUInt32LE(content.length, member.length - 4);
  return member;
}

/**
 * Length of the member with these first bytes; undefined when they are not the header of a history
 * member.
 */
export function memberLength(header: Uint8Array): number | undefined {
  if (header.length < MEMBER_HEADER_BYTES) return undefined;
  for (let index = 0; index < FIXED_HEADER.length; index++) {
    if (header[index] !== FIXED_HEADER[index]) return undefined;
  }
  const view = new DataView(header.buffer, header.byteOffset, MEMBER_HEADER_BYTES);
  const length = view.getUint32(FIXED_HEADER.length, true);
  return length < MIN_MEMBER_BYTES ? undefined : length;
}

/** The text of a whole member; undefined when length, checksum or compression are wrong. */
export function decodeMember(member: Uint8Array): string | undefined {
  if (memberLength(member) !== member.length) return undefined;
  const trailerAt = member.byteOffset + member.length - TRAILER_BYTES;
  const trailer = Buffer.from(member.buffer, trailerAt, TRAILER_BYTES);
  try {
    const deflated = member.subarray(MEMBER_HEADER_BYTES, member.length - TRAILER_BYTES);
    const content = inflateRawSync(deflated, { maxOutputLength: MAX_MEMBER_TEXT_BYTES });
    const isWhole =
      content.length === trailer.readUInt32LE(4) && crc32(content) === trailer.readUInt32LE(0);
    return isWhole ? content.toString("utf8") : undefined;
  } catch {
    return undefined; // The missing text tells the caller about the damage.
  }
}

export interface SegmentScan {
  readonly texts: readonly string[];
  /** End of the last whole member before the first damage. */
  readonly wholeBytes: number;
}

/** Reads the members of a segment up to its end, or up to the first torn or damaged member. */
export function scanMembers(segment: Uint8Array): SegmentScan {
  const texts: string[] = [];
  let at = 0;
  for (;;) {
    const length = memberLength(segment.subarray(at, at + MEMBER_HEADER_BYTES));
    if (length === undefined || at + length > segment.length) break;
    const text = decodeMember(segment.subarray(at, at + length));
    if (text === undefined) break;
    texts.push(text);
    at += length;
  }
  return { texts, wholeBytes: at };
}
