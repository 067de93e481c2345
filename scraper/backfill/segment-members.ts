import {
  decodeMemberAside,
  memberLength,
  memberTextBytes,
} from "../../exporter/shared/codec/history/gzip-member.js";
import { HistoryError } from "./history-client.js";

/** Text that a segment may have for each of its bytes. Histories are compressed 10 to 25 times. */
const MAX_TEXT_RATIO = 100;
/** Text that any segment may have. */
const FREE_TEXT_BYTES = 33_554_432;

/**
 * The texts of a segment's members. The length that a member claims is checked before it is
 * decompressed, so a small segment cannot cause hours of work.
 *
 * @throws {HistoryError} at a damaged member: the segment has its checksum, so the exporter wrote
 * it that way; and when the text is far too long for the size of the segment
 */
export async function* membersOf(segment: Uint8Array, name: string): AsyncGenerator<string, void> {
  let textBytes = 0;
  for (let at = 0; at < segment.length;) {
    const length = memberLength(segment.subarray(at, at + 64)) ?? 0;
    const member = segment.subarray(at, at + length);
    textBytes += length === 0 ? 0 : (memberTextBytes(member) ?? 0);
    at += length;
    if (textBytes > FREE_TEXT_BYTES + at * MAX_TEXT_RATIO) {
      const detail = `its first ${at} bytes hold ${textBytes} bytes of text, at most ${MAX_TEXT_RATIO} times their size is usual`;
      throw new HistoryError("bomb", `Cannot use segment "${name}": ${detail}`);
    }
    const text = length > 0 ? await decodeMemberAside(member) : undefined;
    if (text === undefined) {
      const detail = `no whole member begins at byte ${at - length}`;
      throw new HistoryError("damaged", `Cannot use segment "${name}": ${detail}`);
    }
    yield text;
  }
}
