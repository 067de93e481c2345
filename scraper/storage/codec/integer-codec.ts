import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { NO_SCALE, scaleToWhole, unscale } from "./number-scale.js";
import { commonUnit } from "./step-modes.js";

/** Modes of turning whole numbers into small ones; the codes in the file. */
const PLAIN = 0;
const DELTA = 1;
const DELTA_OF_DELTA = 2;
const CONSTANT = 3;

const ZERO_RUN = 0;
const SHORTEST_RUN = 3;
/** The scale of numbers that are whole as they are. */
const WHOLE = 0;
/** A varint below this takes one byte. */
const ONE_BYTE = 128;

/** Codes columns of whole numbers and of decimals with a fixed number of places. */
export class IntegerEncoder {
  private whole = new Float64Array(0);

  /** @returns false when some value is not such a number; then nothing was written */
  encode(numbers: Float64Array, writer: ByteWriter): boolean {
    if (this.whole.length < numbers.length) this.whole = new Float64Array(numbers.length);
    const whole = this.whole.subarray(0, numbers.length);
    const scale = scaleToWhole(numbers, whole);
    if (scale === NO_SCALE) return false;
    const unit = commonUnit(whole, whole[0] ?? 0);
    if (unit === 0) {
      writer.u8(CONSTANT | (scale << 2));
      writer.signedVarint(whole[0] ?? 0);
      return true;
    }
    const first = whole[0] as number;
    for (let row = 0; row < whole.length; row++)
      whole[row] = ((whole[row] as number) - first) / unit;
    const mode = cheapestMode(whole);
    writer.u8(mode | (scale << 2));
    writer.signedVarint(first);
    writer.varint(unit);
    writeDifferences(whole, mode, writer);
    return true;
  }
}

/**
 * Reads `values.length` numbers.
 *
 * @throws {MalformedBytesError} when the bytes make no sense
 */
export function decodeIntegers(reader: ByteReader, values: Float64Array): void {
  const head = reader.u8();
  const mode = head & 3;
  const scale = head >> 2;
  const first = reader.signedVarint();
  if (mode === CONSTANT) {
    values.fill(unscale(first, scale));
    return;
  }
  const unit = reader.varint();
  if (values.length > 0) values[0] = first;
  readSteps(reader, values, { mode, first, unit });
  if (scale === WHOLE) return;
  for (let row = 0; row < values.length; row++) values[row] = unscale(values[row] as number, scale);
}

/** Flat: runs for every sample of a query that is in a chunk. */
function readSteps(
  reader: ByteReader,
  values: Float64Array,
  { mode, first, unit }: { readonly mode: number; readonly first: number; readonly unit: number },
): void {
  const { bytes, end } = reader;
  const count = values.length;
  let at = reader.offset;
  let value = 0;
  let delta = 0;
  for (let row = 1; row < count;) {
    let token = at < end ? (bytes[at] as number) : ONE_BYTE;
    if (token < ONE_BYTE) at++;
    else {
      reader.offset = at;
      token = reader.varint();
      at = reader.offset;
    }
    if (token === ZERO_RUN) {
      reader.offset = at;
      const until = Math.min(count, row + reader.varint() + SHORTEST_RUN);
      at = reader.offset;
      if (mode === PLAIN) value = 0;
      else if (mode === DELTA) delta = 0;
      for (; row < until; row++) {
        value += delta;
        values[row] = first + value * unit;
      }
      continue;
    }
    // Twice the magnitude, plus 1 if negative, plus 1.
    const step = (token & 1) === 1 ? (token - 1) / 2 : -((token - 2) / 2);
    if (mode === PLAIN) value = step;
    else {
      delta = mode === DELTA ? step : delta + step;
      value += delta;
    }
    values[row++] = first + value * unit;
  }
  reader.offset = at;
}

/** Compares rough numbers of bits that the modes would take. */
function cheapestMode(whole: Float64Array): number {
  let plain = 0;
  let deltas = 0;
  let second = 0;
  let before = 0;
  let deltaBefore = 0;
  for (let row = 1; row < whole.length; row++) {
    const value = whole[row] as number;
    const delta = value - before;
    plain += costOf(value);
    deltas += costOf(delta);
    second += costOf(delta - deltaBefore);
    before = value;
    deltaBefore = delta;
  }
  if (deltas <= second) return plain < deltas ? PLAIN : DELTA;
  return plain < second ? PLAIN : DELTA_OF_DELTA;
}

function costOf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** 31) return 33 - Math.clz32(magnitude);
  return 33 + Math.log2(magnitude / 2 ** 31);
}

/** Writes each step as twice its magnitude, plus 1 if negative, plus 1; long runs of zeros as one code. */
function writeDifferences(whole: Float64Array, mode: number, writer: ByteWriter): void {
  let before = 0;
  let deltaBefore = 0;
  let zeros = 0;
  for (let row = 1; row < whole.length; row++) {
    const value = whole[row] as number;
    const delta = value - before;
    const step = mode === PLAIN ? value : mode === DELTA ? delta : delta - deltaBefore;
    before = value;
    deltaBefore = delta;
    if (step === 0) {
      zeros++;
      continue;
    }
    if (zeros > 0) writeZeros(zeros, writer);
    zeros = 0;
    writer.varint(2 * Math.abs(step) + (step < 0 ? 2 : 1));
  }
  if (zeros > 0) writeZeros(zeros, writer);
}

function writeZeros(count: number, writer: ByteWriter): void {
  if (count < SHORTEST_RUN) {
    for (let zero = 0; zero < count; zero++) writer.u8(1);
  } else {
    writer.u8(ZERO_RUN);
    writer.varint(count - SHORTEST_RUN);
  }
}
