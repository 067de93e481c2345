import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";

/** Bit patterns that have a code instead of eight bytes, as [high word, low word]. The index is the code. */
const KNOWN_PATTERNS: readonly (readonly [number, number])[] = [
  [0x7ff00000, 2], // staleness marker
  [0x7ff00000, 4], // ABSENT
  [0x7ff80000, 1], // the NaN of scraping
  [0x7ff80000, 0], // the NaN of arithmetic
  [0x7ff00000, 0], // +Inf
  [0xfff00000, 0], // -Inf
  [0x80000000, 0], // -0
];
const OTHER_PATTERN = KNOWN_PATTERNS.length;

/** Consecutive rows with one bit pattern. */
interface Run {
  readonly start: number;
  length: number;
  readonly high: number;
  readonly low: number;
}

/** Takes values that are no ordinary numbers out of a column and writes them as runs. */
export class ExceptionEncoder {
  private readonly runs: Run[] = [];

  /**
   * Copies `values` to `numbers`. A row with an exception gets the number of the row before, or 0.
   *
   * @returns true when there was an exception
   */
  take(values: Float64Array, numbers: Float64Array): boolean {
    this.runs.length = 0;
    numbers.set(values);
    const bits = bitsOf(numbers);
    for (let row = 0; row < values.length; row++) {
      const high = bits[2 * row + 1] as number;
      const low = bits[2 * row] as number;
      const isException = (high & 0x7ff00000) === 0x7ff00000 || (high === 0x80000000 && low === 0);
      if (!isException) continue;
      this.addRow(row, high, low);
      numbers[row] = row === 0 ? 0 : (numbers[row - 1] as number);
    }
    this.useFirstNumber(numbers);
    return this.runs.length > 0;
  }

  encode(writer: ByteWriter): void {
    writer.varint(this.runs.length);
    let after = 0;
    for (const { start, length, high, low } of this.runs) {
      writer.varint(start - after);
      writer.varint(length - 1);
      const code = KNOWN_PATTERNS.findIndex(
        ([knownHigh, knownLow]) => knownHigh === high && knownLow === low,
      );
      writer.u8(code === -1 ? OTHER_PATTERN : code);
      if (code === -1) {
        writer.u32(low);
        writer.u32(high);
      }
      after = start + length;
    }
  }

  private addRow(row: number, high: number, low: number): void {
    const last = this.runs.at(-1);
    const continues =
      last !== undefined &&
      last.start + last.length === row &&
      last.high === high &&
      last.low === low;
    if (continues) last.length++;
    else this.runs.push({ start: row, length: 1, high, low });
  }

  /** Gives the rows before the first number that number: a series that begins late costs no step. */
  private useFirstNumber(numbers: Float64Array): void {
    let first = 0;
    for (const { start, length } of this.runs) {
      if (start !== first) break;
      first += length;
    }
    if (first > 0 && first < numbers.length) numbers.fill(numbers[first] as number, 0, first);
  }
}

/** Writes the exceptions to their rows of `values`. Other rows stay as they are. */
export function decodeExceptions(reader: ByteReader, values: Float64Array): void {
  const bits = bitsOf(values);
  const runs = reader.count(values.length);
  let row = 0;
  for (let run = 0; run < runs; run++) {
    row += reader.count(values.length - row);
    const length = reader.count(values.length - row) + 1;
    const [high, low] = readPattern(reader);
    if (row + length > values.length) {
      throw new MalformedBytesError(
        `Cannot read a column: an exception ends after its ${values.length} rows`,
      );
    }
    for (const end = row + length; row < end; row++) {
      bits[2 * row] = low;
      bits[2 * row + 1] = high;
    }
  }
}

function readPattern(reader: ByteReader): readonly [high: number, low: number] {
  const code = reader.u8();
  const known = KNOWN_PATTERNS[code];
  if (known !== undefined) return known;
  if (code !== OTHER_PATTERN)
    throw new MalformedBytesError(`Cannot read a column: exception code ${code} is unknown`);
  const low = reader.u32();
  return [reader.u32(), low];
}
