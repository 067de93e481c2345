import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";
import { decodeExceptions, ExceptionEncoder } from "./column-exceptions.js";
import { decodeIntegers, IntegerEncoder } from "./integer-codec.js";
import { decodeXor, encodeXor } from "./xor-codec.js";

/** How the numbers of a column are coded. See column.format.md. */
const INTEGERS = 0x01;
const XOR = 0x02;
/** Flag of the kind when some rows hold no ordinary number. */
const WITH_EXCEPTIONS = 0x80;

/**
 * Chooses the cheapest exact coding for each column. One encoder serves any number of columns; its
 * scratch memory grows to the longest column it has seen.
 */
export class ColumnEncoder {
  private readonly integers = new IntegerEncoder();
  private readonly exceptions = new ExceptionEncoder();
  private scratch = new Float64Array(0);

  /** Appends one column. Every bit of every value comes back from `decodeColumn`. */
  encode(values: Float64Array, writer: ByteWriter): void {
    if (this.scratch.length < values.length) this.scratch = new Float64Array(values.length);
    const numbers = this.scratch.subarray(0, values.length);
    const hasExceptions = this.exceptions.take(values, numbers);
    const flag = hasExceptions ? WITH_EXCEPTIONS : 0;
    const kindAt = writer.length;
    writer.u8(INTEGERS | flag);
    if (hasExceptions) this.exceptions.encode(writer);
    if (this.integers.encode(numbers, writer)) return;
    writer.bytes[kindAt] = XOR | flag;
    encodeXor(bitsOf(numbers), writer);
  }
}

/**
 * Reads one column of `values.length` rows.
 *
 * @throws {MalformedBytesError} when the bytes end too early or make no sense
 */
export function decodeColumn(reader: ByteReader, values: Float64Array): void {
  const kind = reader.u8();
  const exceptionsAt = reader.offset;
  if ((kind & WITH_EXCEPTIONS) !== 0) decodeExceptions(reader, values);
  switch (kind & ~WITH_EXCEPTIONS) {
    case INTEGERS:
      decodeIntegers(reader, values);
      break;
    case XOR:
      decodeXor(reader, bitsOf(values));
      break;
    default:
      throw new MalformedBytesError(
        `Cannot read a column: its kind is ${kind}, which this version does not know`,
      );
  }
  if ((kind & WITH_EXCEPTIONS) === 0) return;
  // The numbers have overwritten the exceptions: write these again.
  const end = reader.offset;
  reader.offset = exceptionsAt;
  decodeExceptions(reader, values);
  reader.offset = end;
}
