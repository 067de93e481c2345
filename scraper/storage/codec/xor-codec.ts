import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";

const WORD_BYTES = 8;

/**
 * Codes any doubles: the exclusive or of each with the one before, of which only the bytes from the
 * first to the last that is not zero are written.
 *
 * @param bits low and high word of each double in turn
 */
export function encodeXor(bits: Uint32Array, writer: ByteWriter): void {
  let lowBefore = 0;
  let highBefore = 0;
  const word = new Uint8Array(WORD_BYTES);
  const view = new DataView(word.buffer);
  for (let at = 0; at < bits.length; at += 2) {
    const low = bits[at] as number;
    const high = bits[at + 1] as number;
    view.setUint32(0, low ^ lowBefore, true);
    view.setUint32(4, high ^ highBefore, true);
    lowBefore = low;
    highBefore = high;
    let first = 0;
    while (first < WORD_BYTES && word[first] === 0) first++;
    let end = WORD_BYTES;
    while (end > first && word[end - 1] === 0) end--;
    writer.u8(first === WORD_BYTES ? 0 : (first << 4) | (end - first));
    writer.raw(word.subarray(first, end));
  }
}

/**
 * Fills `bits` as `encodeXor` took it.
 *
 * @throws {MalformedBytesError} when the bytes make no sense
 */
export function decodeXor(reader: ByteReader, bits: Uint32Array): void {
  let low = 0;
  let high = 0;
  const word = new Uint8Array(WORD_BYTES);
  const view = new DataView(word.buffer);
  for (let at = 0; at < bits.length; at += 2) {
    const head = reader.u8();
    const first = head >> 4;
    const length = head & 15;
    if (first + length > WORD_BYTES)
      throw new MalformedBytesError(`Cannot read a column: byte ${head} is no double`);
    word.fill(0);
    // Byte by byte: a view for each row would cost more than the rest.
    for (let byte = 0; byte < length; byte++) word[first + byte] = reader.u8();
    low ^= view.getUint32(0, true);
    high ^= view.getUint32(4, true);
    bits[at] = low;
    bits[at + 1] = high;
  }
}
