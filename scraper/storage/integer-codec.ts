import { type ByteReader, MalformedBytesError } from "../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../exporter/shared/journal/byte-writer.js";

/** Decimal places tried. Ten to this power times a whole number must stay exact. */
const MAX_DECIMALS = 12;
/** Bound on scaled magnitudes, so that second differences, doubled for their sign, stay below 2^53. */
const MAX_MAGNITUDE = 2 ** 50;
const POWERS = Array.from({ length: MAX_DECIMALS + 1 }, (_, decimals) => 10 ** decimals);

/** How the whole numbers are turned into small ones. */
const PLAIN = 0;
const DELTA = 1;
const DELTA_OF_DELTA = 2;
const CONSTANT = 3;

/** Codes columns of whole numbers and of decimals with a fixed number of places. */
export class IntegerEncoder {
  private whole = new Float64Array(0);

  /** @returns false, having written nothing, when some value is not such a number */
  encode(numbers: Float64Array, writer: ByteWriter): boolean {
    if (this.whole.length < numbers.length) this.whole = new Float64Array(numbers.length);
    const whole = this.whole.subarray(0, numbers.length);
    const decimals = scale(numbers, whole);
    if (decimals === -1) return false;
    const unit = commonUnit(whole);
    if (unit === 0) {
      writer.u8(CONSTANT | (decimals << 2));
      writer.signedVarint(whole[0] ?? 0);
      return true;
    }
    const first = whole[0] as number;
    for (let row = 0; row < whole.length; row++) whole[row] = ((whole[row] as number) - first) / unit;
    const mode = cheapestMode(whole);
    writer.u8(mode | (decimals << 2));
    writer.signedVarint(first);
    writer.varint(unit);
    writeDifferences(whole, mode, writer);
    return true;
  }
}

/** Reads `values.length` numbers. @throws {MalformedBytesError} when the bytes make no sense */
export function decodeIntegers(reader: ByteReader, values: Float64Array): void {
  const head = reader.u8();
  const mode = head & 3;
  const power = POWERS[head >> 2];
  if (power === undefined) throw new MalformedBytesError(`Cannot read a column: it has ${head >> 2} decimal places`);
  const first = reader.signedVarint();
  if (mode === CONSTANT) {
    values.fill(first / power);
    return;
  }
  const unit = reader.varint();
  let value = 0;
  let delta = 0;
  let zeros = 0;
  if (values.length > 0) values[0] = first / power;
  for (let row = 1; row < values.length; row++) {
    let step = 0;
    if (zeros > 0) zeros--;
    else {
      step = reader.signedVarint();
      if (step === 0) zeros = reader.varint();
    }
    if (mode === PLAIN) value = step;
    else {
      delta = mode === DELTA ? step : delta + step;
      value += delta;
    }
    values[row] = (first + value * unit) / power;
  }
}

/** Fills `whole` with the numbers times a power of ten. @returns the decimal places, -1 when there is no such power */
function scale(numbers: Float64Array, whole: Float64Array): number {
  let decimals = 0;
  let power = 1;
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row] as number;
    let scaled = Math.round(number * power);
    const before = decimals;
    while (scaled / power !== number) {
      if (decimals === MAX_DECIMALS) return -1;
      power = POWERS[++decimals] as number;
      scaled = Math.round(number * power);
    }
    if (!(Math.abs(scaled) < MAX_MAGNITUDE)) return -1;
    whole[row] = scaled;
    if (decimals !== before && !rescale(numbers, whole, row, power)) return -1;
  }
  return decimals;
}

function rescale(numbers: Float64Array, whole: Float64Array, rows: number, power: number): boolean {
  for (let row = 0; row < rows; row++) {
    const number = numbers[row] as number;
    const scaled = Math.round(number * power);
    if (scaled / power !== number || !(Math.abs(scaled) < MAX_MAGNITUDE)) return false;
    whole[row] = scaled;
  }
  return true;
}

/** The largest number that divides every difference from the first value; 0 when all are equal. */
function commonUnit(whole: Float64Array): number {
  const first = whole[0] as number;
  let unit = 0;
  for (let row = 1; row < whole.length && unit !== 1; row++) {
    let rest = Math.abs((whole[row] as number) - first);
    if (unit === 0) unit = rest;
    else {
      while (rest !== 0) [unit, rest] = [rest, unit % rest];
    }
  }
  return unit;
}

/** Compares the bits that each mode would need, roughly. */
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

/** Signed varints; a zero is followed by how many more zeros come. */
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
    writer.signedVarint(step);
  }
  if (zeros > 0) writeZeros(zeros, writer);
}

function writeZeros(count: number, writer: ByteWriter): void {
  writer.u8(0);
  writer.varint(count - 1);
}
