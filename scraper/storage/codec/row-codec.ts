import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { ABSENT_BITS, bitsOf, STALE_BITS } from "../../../exporter/shared/model/special-values.js";

/** Four-bit tags: how a value is coded. See storage-journal.format.md, "Values". */
const ZERO = 0;
const U8 = 1;
const U16 = 2;
const U24 = 3;
const U32 = 4;
const U48 = 5;
const HUNDREDTHS_U32 = 6;
const HUNDREDTHS_U48 = 7;
const HIGH_WORD = 8;
const BITS = 9;
const STALE = 10;
const ABSENT = 11;

const SPECIAL_HIGH = Number(STALE_BITS >> 32n);
const STALE_LOW = Number(STALE_BITS & 0xffffffffn);
const ABSENT_LOW = Number(ABSENT_BITS & 0xffffffffn);
const TWO_32 = 2 ** 32;
const TWO_48 = 2 ** 48;
const LONGEST_VALUE_BYTES = 8;

/**
 * Appends the values of one row, which can be read without any other row. A zero takes half a byte,
 * whole numbers and hundredths 1.5 to 6.5 bytes, other values at most 8.5. Long and flat: it runs for
 * every sample (test/bench/storage.ts).
 */
export function encodeRow(values: Float64Array, writer: ByteWriter): void {
  const count = values.length;
  const bits = bitsOf(values);
  const tagBytes = (count + 1) >> 1;
  writer.reserve(tagBytes + count * LONGEST_VALUE_BYTES);
  const bytes = writer.bytes;
  const tagsAt = writer.length;
  bytes.fill(0, tagsAt, tagsAt + tagBytes);
  let at = tagsAt + tagBytes;
  for (let index = 0; index < count; index++) {
    const low = bits[2 * index] as number;
    const high = bits[2 * index + 1] as number;
    if (low === 0 && high === 0) continue;
    const value = values[index] as number;
    let whole = value;
    let tag = BITS;
    if (value > 0 && value < TWO_48) {
      if (value % 1 === 0) {
        tag =
          value < 256
            ? U8
            : value < 65_536
              ? U16
              : value < 16_777_216
                ? U24
                : value < TWO_32
                  ? U32
                  : U48;
      } else if (low !== 0) {
        whole = Math.round(value * 100);
        if (whole < TWO_48 && whole / 100 === value)
          tag = whole < TWO_32 ? HUNDREDTHS_U32 : HUNDREDTHS_U48;
      }
    }
    if (tag === BITS) {
      if (low === 0) tag = HIGH_WORD;
      else if (high === SPECIAL_HIGH && low === STALE_LOW) tag = STALE;
      else if (high === SPECIAL_HIGH && low === ABSENT_LOW) tag = ABSENT;
    }
    bytes[tagsAt + (index >> 1)] =
      (bytes[tagsAt + (index >> 1)] as number) | (tag << ((index & 1) * 4));
    if (tag >= STALE) continue;
    let word = tag === BITS ? low : tag === HIGH_WORD ? high : whole % TWO_32;
    const wordBytes = tag < U32 ? tag : 4;
    for (let byte = 0; byte < wordBytes; byte++) {
      bytes[at++] = word & 255;
      word >>>= 8;
    }
    if (tag === U48 || tag === HUNDREDTHS_U48) {
      const rest = Math.floor(whole / TWO_32);
      bytes[at++] = rest & 255;
      bytes[at++] = rest >>> 8;
    } else if (tag === BITS) {
      bytes[at++] = high & 255;
      bytes[at++] = (high >>> 8) & 255;
      bytes[at++] = (high >>> 16) & 255;
      bytes[at++] = high >>> 24;
    }
  }
  writer.length = at;
}

/**
 * Reads `values.length` values.
 *
 * @throws {MalformedBytesError} when the bytes end too early or hold an unknown tag
 */
export function decodeRow(reader: ByteReader, values: Float64Array): void {
  const count = values.length;
  const bits = bitsOf(values);
  const tags = reader.raw((count + 1) >> 1);
  const { bytes, end } = reader;
  let at = reader.offset;
  for (let index = 0; index < count; index++) {
    const tag = ((tags[index >> 1] as number) >>> ((index & 1) * 4)) & 15;
    if (tag === ZERO) {
      values[index] = 0;
      continue;
    }
    if (tag >= STALE) {
      if (tag > ABSENT)
        throw new MalformedBytesError(
          `Cannot read a row: value ${index} has the unknown tag ${tag}`,
        );
      bits[2 * index + 1] = SPECIAL_HIGH;
      bits[2 * index] = tag === STALE ? STALE_LOW : ABSENT_LOW;
      continue;
    }
    let word = bytes[at] as number;
    if (tag > U8) word |= (bytes[at + 1] as number) << 8;
    if (tag > U16) word |= (bytes[at + 2] as number) << 16;
    if (tag > U24) word = (word | ((bytes[at + 3] as number) << 24)) >>> 0;
    at += tag < U32 ? tag : 4;
    if (tag <= U32) values[index] = word;
    else if (tag === HUNDREDTHS_U32) values[index] = word / 100;
    else if (tag === HIGH_WORD) {
      bits[2 * index] = 0;
      bits[2 * index + 1] = word;
    } else if (tag === BITS) {
      bits[2 * index] = word;
      bits[2 * index + 1] =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      at += 4;
    } else {
      const whole = word + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8)) * TWO_32;
      values[index] = tag === U48 ? whole : whole / 100;
      at += 2;
    }
    if (at > end)
      throw new MalformedBytesError(`Cannot read a row: it ends at value ${index} of ${count}`);
  }
  reader.offset = at;
}
