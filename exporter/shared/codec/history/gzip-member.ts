import { promisify } from "node:util";
import { crc32, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from "node:zlib";

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
/** A longer text is decompressed on another thread: this takes about a millisecond. */
const MAX_SYNC_TEXT_BYTES = 262_144;
const inflateOnThread = promisify<Uint8Array, ZlibOptions, Buffer>(inflateRaw);
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

/**
 * Length of the text of a member as its trailer says, before anything is decompressed; undefined
 * when the member is cut or its text would be too long.
 */
export function memberTextBytes(member: Uint8Array): number | undefined {
  if (memberLength(member) !== member.length) return undefined;
  const { textBytes } = trailerOf(member);
  return textBytes > MAX_MEMBER_TEXT_BYTES ? undefined : textBytes;
}

/** The text of a whole member; undefined when length, checksum or compression are wrong. */
export function decodeMember(member: Uint8Array): string | undefined {
  const textBytes = memberTextBytes(member);
  if (textBytes === undefined) return undefined;
  try {
    const content = inflateRawSync(deflatedOf(member), { maxOutputLength: textBytes + 1 });
    return checkedText(member, content);
  } catch {
    return undefined; // The missing text tells the caller about the damage.
  }
}

/** Like `decodeMember`; decompresses a large member on another thread. */
export async function decodeMemberAside(member: Uint8Array): Promise<string | undefined> {
  const textBytes = memberTextBytes(member);
  if (textBytes === undefined || textBytes <= MAX_SYNC_TEXT_BYTES) return decodeMember(member);
  try {
    const content = await inflateOnThread(deflatedOf(member), { maxOutputLength: textBytes + 1 });
    return checkedText(member, content);
  } catch {
    return undefined;
  }
}

const deflatedOf = (member: Uint8Array): Uint8Array =>
  member.subarray(MEMBER_HEADER_BYTES, member.length - TRAILER_BYTES);

function trailerOf(member: Uint8Array): { readonly checksum: number; readonly textBytes: number } {
  const trailerAt = member.byteOffset + member.length - TRAILER_BYTES;
  const trailer = Buffer.from(member.buffer, trailerAt, TRAILER_BYTES);
  return { checksum: trailer.readUInt32LE(0), textBytes: trailer.readUInt32LE(4) };
}

function checkedText(member: Uint8Array, content: Buffer): string | undefined {
  const { checksum, textBytes } = trailerOf(member);
  const isWhole = content.length === textBytes && crc32(content) === checksum;
  return isWhole ? content.toString("utf8") : undefined;
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
