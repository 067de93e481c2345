const FIRST_CAPACITY_BYTES = 256;

/**
 * A growing buffer written from front to back, little-endian. Numbers are non-negative and whole
 * unless said.
 */
export class ByteWriter {
  /** Only `[0, length)` is written; replaced when it grows, so never keep it across a write. */
  bytes: Uint8Array;
  length = 0;
  private view: DataView;

  constructor(capacityBytes = FIRST_CAPACITY_BYTES) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** What was written, as a view that the next write may make stale. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** What was written, in memory of its own. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /**
   * Makes room for `count` bytes, so that the caller may write to `bytes` itself and add to
   * `length`.
   */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.ceil(this.bytes.length * 1.5)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  u32At(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  /** A double of which the bits do not matter when it is a NaN. */
  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** LEB128 of a whole number up to 2^53 - 1: seven bits a byte, lowest first. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 0x7fffffff) {
      this.bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /**
   * A whole number of either sign with magnitude below 2^53, as varint of twice the magnitude, plus
   * 1 if negative.
   */
  signedVarint(value: number): void {
    const magnitude = Math.abs(value);
    const sign = value < 0 ? 1 : 0;
    if (magnitude < 64) {
      this.u8(2 * magnitude + sign);
      return;
    }
    // Twice the magnitude can be more than a double holds: the first byte is made by hand.
    this.u8(((magnitude % 64) * 2 + sign) | 128);
    this.varint(Math.floor(magnitude / 64));
  }

  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Length as varint, then UTF-8. */
  text(value: string): void {
    const encoded = Buffer.from(value, "utf8");
    this.varint(encoded.length);
    this.raw(encoded);
  }
}
