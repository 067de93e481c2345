import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";

/**
 * Appends numbers as runs of consecutive ones: their count, then for each run its start, relative to
 * the end of the run before, and its length.
 */
export function writeRuns(numbers: Uint32Array, writer: ByteWriter): void {
  writer.varint(numbers.length);
  let after = 0;
  for (let start = 0; start < numbers.length;) {
    const first = numbers[start] as number;
    let length = 1;
    while (start + length < numbers.length && numbers[start + length] === first + length) length++;
    writer.signedVarint(first - after);
    writer.varint(length);
    after = first + length;
    start += length;
  }
}

/** @throws {MalformedBytesError} when they are not what `writeRuns` wrote, or too many */
export function readRuns(reader: ByteReader, limit: number): Uint32Array {
  const numbers = new Uint32Array(reader.count(limit));
  let after = 0;
  for (let at = 0; at < numbers.length;) {
    const first = after + reader.signedVarint();
    const length = reader.count(numbers.length - at);
    if (length === 0)
      throw new MalformedBytesError(`Cannot read numbers: number ${at} is in an empty run`);
    if (first < 0) throw new MalformedBytesError(`Cannot read numbers: ${first} is below 0`);
    for (let index = 0; index < length; index++) numbers[at++] = first + index;
    after = first + length;
  }
  return numbers;
}
