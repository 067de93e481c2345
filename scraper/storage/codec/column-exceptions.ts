import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";

/**
 * Bit patterns that get a code instead of eight bytes, as [high word, low word]. The code is the
 * index.
 */
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

/** Takes what is no ordinary number out of a column and writes it as runs. */
export class ExceptionEncoder {
  /** Row after row: start, length, high word, low word. */
  private readonly runs: number[] = [];

  /**
   * Copies `values` to `numbers`; a row that holds an exception gets the number before it (or 0).
   *
   * @returns true when there was an exception
   */
  take(values: Float64Array, numbers: Float64Array): boolean {
    const { runs } = this;
    runs.length = 0;
    numbers.set(values);
    const bits = bitsOf(numbers);
    for (let row = 0; row < values.length; row++) {
      const high = bits[2 * row + 1] as number;
      const low = bits[2 * row] as number;
      const isException = (high & 0x7ff00000) === 0x7ff00000 || (high === 0x80000000 && low === 0);
      if (!isException) continue;
      const last = runs.length - 4;
      const continues =
        last >= 0 &&
        (runs[last] as number) + (runs[last + 1] as number) === row &&
        runs[last + 2] === high &&
        runs[last + 3] === low;
      if (continues) runs[last + 1] = (runs[last + 1] as number) + 1;
      else runs.push(row, 1, high, low);
      numbers[row] = row === 0 ? 0 : (numbers[row - 1] as number);
    }
    this.useFirstNumber(numbers);
    return runs.length > 0;
  }

  encode(writer: ByteWriter): void {
    const { runs } = this;
    writer.varint(runs.length / 4);
    let after = 0;
    for (let at = 0; at < runs.length; at += 4) {
      const [start, length, high, low] = runs.slice(at, at + 4) as [number, number, number, number];
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

  /**
   * Rows before the first number take that number, so that a series that begins late costs no step.
   */
  private useFirstNumber(numbers: Float64Array): void {
    if (this.runs[0] !== 0) return;
    let first = 0;
    for (let at = 0; at < this.runs.length && this.runs[at] === first; at += 4)
      first += this.runs[at + 1] as number;
    if (first < numbers.length) numbers.fill(numbers[first] as number, 0, first);
  }
}

/** Writes the exceptions over `values`, of which the other rows stay as they are. */
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
