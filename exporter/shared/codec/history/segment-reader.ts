import type { ReadFile } from "../../platform/files.js";
import {
  decodeMember,
  MAX_MEMBER_BYTES,
  MEMBER_HEADER_BYTES,
  MEMBER_MARK,
  memberLength,
} from "./gzip-member.js";

/** A part of a segment: one whole member, or bytes without a valid member. */
export interface SegmentPiece {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  /** Undefined for damage; at the end of a segment that is the torn tail of a power cut. */
  readonly text: string | undefined;
}

const SEARCH_BYTES = 65_536;
/** Damage is returned in pieces of at most this size, so memory is bounded. */
const MAX_DAMAGE_BYTES = 1024 * 1024;

/**
 * Reads a segment member by member. After damage it continues with the next valid member.
 *
 * @param untilBytes where to stop: the size of the file, or less while it grows
 */
export async function* readSegment(
  file: ReadFile,
  untilBytes: number,
): AsyncGenerator<SegmentPiece, void> {
  let at = 0;
  while (at < untilBytes) {
    const member = await readMember(file, at, untilBytes);
    if (member !== undefined) {
      yield member;
      at += member.bytes.length;
      continue;
    }
    const next = await findMark(file, at + 1, Math.min(untilBytes, at + MAX_DAMAGE_BYTES));
    yield { offsetBytes: at, bytes: await file.read(at, next - at), text: undefined };
    at = next;
  }
}

async function readMember(
  file: ReadFile,
  offsetBytes: number,
  untilBytes: number,
): Promise<SegmentPiece | undefined> {
  const length = memberLength(await file.read(offsetBytes, MEMBER_HEADER_BYTES));
  if (length === undefined || length > MAX_MEMBER_BYTES) return undefined;
  if (offsetBytes + length > untilBytes) return undefined;
  const bytes = await file.read(offsetBytes, length);
  const text = decodeMember(bytes);
  return text === undefined ? undefined : { offsetBytes, bytes, text };
}

/** Position where the next member may begin, or `untilBytes`. */
async function findMark(file: ReadFile, fromBytes: number, untilBytes: number): Promise<number> {
  for (let at = fromBytes; at < untilBytes; at += SEARCH_BYTES) {
    const found = Buffer.from(await file.read(at, SEARCH_BYTES + MEMBER_MARK.length)).indexOf(
      MEMBER_MARK,
    );
    if (found >= 0) return Math.min(at + found, untilBytes);
  }
  return untilBytes;
}
