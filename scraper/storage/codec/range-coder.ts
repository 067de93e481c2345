import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";

/** Probabilities are in units of 2^-15. */
const ONE_BITS = 15;
const ONE = 1 << ONE_BITS;
/** No bit is ever certain: a probability is at least this. */
const LEAST = 32;
const MOST = ONE - LEAST;
/** When the range is below this, a byte is written or read. */
const LEAST_RANGE = 2 ** 24;
const FULL_RANGE = 0xffffffff;
const TOP = 2 ** 32;
/** After this many bits a model does not learn more slowly any more. */
const SLOWEST = 60;
/** Weight of a new bit, in units of 2^-16, by the number of bits before it. */
const SHARES = Int32Array.from({ length: SLOWEST + 1 }, (_, seen) =>
  Math.floor(65_536 / (seen + 2)),
);
/** Bits without a model are coded together, at most this many at a time. */
const PLAIN_BITS = 8;

/** Models of bits: each one estimates how likely its next bit is 0, from the bits it has seen. */
export class BitModels {
  /** Probability of a 0. */
  readonly zero: Uint16Array;
  /** Number of bits seen, at most `SLOWEST`. */
  readonly seen: Uint8Array;

  constructor(count: number) {
    this.zero = new Uint16Array(count);
    this.seen = new Uint8Array(count);
    this.reset();
  }

  reset(): void {
    this.zero.fill(ONE / 2);
    this.seen.fill(0);
  }

  learn(model: number, bit: number): void {
    const seen = this.seen[model] as number;
    const zero = this.zero[model] as number;
    const share = SHARES[seen] as number;
    this.zero[model] =
      bit === 0
        ? Math.min(MOST, zero + (((ONE - zero) * share) >> 16))
        : Math.max(LEAST, zero - ((zero * share) >> 16));
    if (seen < SLOWEST) this.seen[model] = seen + 1;
  }
}

/**
 * Writes bits, each in as much space as it is improbable to its model. See block.format.md, "Coded
 * bits".
 */
export class RangeEncoder {
  private low = 0;
  private range = FULL_RANGE;
  /** The last byte, which a carry may still change; -1 for none. */
  private cache = -1;
  /** Number of bytes 0xff after `cache`, which a carry changes too. */
  private waiting = 0;
  private startedAt = 0;

  constructor(private readonly writer: ByteWriter) {}

  begin(): void {
    this.low = 0;
    this.range = FULL_RANGE;
    this.cache = -1;
    this.waiting = 0;
    this.startedAt = this.writer.length;
  }

  bit(models: BitModels, model: number, bit: number): void {
    const bound = (this.range >>> ONE_BITS) * (models.zero[model] as number);
    if (bit === 0) this.range = bound;
    else {
      this.low += bound;
      this.range -= bound;
    }
    models.learn(model, bit);
    while (this.range < LEAST_RANGE) this.move();
  }

  /** @param count at most 52; the higher bits of `value` are 0 */
  plain(value: number, count: number): void {
    for (let left = count; left > 0;) {
      const bits = left > PLAIN_BITS ? PLAIN_BITS : left;
      left -= bits;
      const part = left < 24 ? (value >>> left) & ((1 << bits) - 1) : partOf(value, left, bits);
      this.range >>>= bits;
      this.low += this.range * part;
      while (this.range < LEAST_RANGE) this.move();
    }
  }

  /** Writes the rest, without zero bytes at the end: the decoder reads zeros there anyway. */
  end(): void {
    for (let unit = TOP; unit > 1; unit /= 256) {
      const rounded = Math.ceil(this.low / unit) * unit;
      if (rounded >= this.low + this.range) continue;
      this.low = rounded;
      break;
    }
    for (let byte = 0; byte < 5; byte++) this.shift();
    const { writer } = this;
    while (writer.length > this.startedAt && writer.bytes[writer.length - 1] === 0) writer.length--;
  }

  private move(): void {
    this.shift();
    this.range = (this.range << 8) >>> 0;
  }

  private shift(): void {
    if (this.low < 0xff000000 || this.low >= TOP) {
      const carry = this.low >= TOP ? 1 : 0;
      if (this.cache >= 0) this.writer.u8(this.cache + carry);
      for (; this.waiting > 0; this.waiting--) this.writer.u8((0xff + carry) & 0xff);
      this.cache = Math.floor(this.low / LEAST_RANGE) & 0xff;
    } else {
      this.waiting++;
    }
    this.low = (this.low % LEAST_RANGE) * 256;
  }
}

/** Reads what `RangeEncoder` wrote, with the same models asked in the same order. */
export class RangeDecoder {
  private range = FULL_RANGE;
  private code = 0;
  private at: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly until: number,
  ) {
    this.at = start;
    for (let byte = 0; byte < 4; byte++) this.code = ((this.code << 8) | this.next()) >>> 0;
  }

  bit(models: BitModels, model: number): number {
    const bound = (this.range >>> ONE_BITS) * (models.zero[model] as number);
    const bit = this.code < bound ? 0 : 1;
    if (bit === 0) this.range = bound;
    else {
      this.code -= bound;
      this.range -= bound;
    }
    models.learn(model, bit);
    while (this.range < LEAST_RANGE) this.move();
    return bit;
  }

  plain(count: number): number {
    let value = 0;
    for (let left = count; left > 0;) {
      const bits = left > PLAIN_BITS ? PLAIN_BITS : left;
      left -= bits;
      this.range >>>= bits;
      // Only damaged bytes have a larger part.
      const part = Math.min(Math.floor(this.code / this.range), (1 << bits) - 1);
      this.code -= part * this.range;
      value = value * 2 ** bits + part;
      while (this.range < LEAST_RANGE) this.move();
    }
    return value;
  }

  private move(): void {
    this.code = ((this.code << 8) | this.next()) >>> 0;
    this.range = (this.range << 8) >>> 0;
  }

  private next(): number {
    return this.at < this.until ? (this.bytes[this.at++] as number) : 0;
  }
}

function partOf(value: number, shift: number, bits: number): number {
  return Math.floor(value / 2 ** shift) % 2 ** bits;
}
