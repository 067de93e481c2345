const FIRST_CAPACITY_BYTES = 256;

/**
 * A growing buffer that is written from front to back, little-endian. Numbers are non-negative
 * integers unless noted.
 */
export class ByteWriter {
  /**
   * Only `[0, length)` is written. The array is replaced when it grows, so it must not be kept
   * across a write.
   */
  bytes: Uint8Array;
  length = 0;
  private view: DataView;

  constructor(capacityBytes = FIRST_CAPACITY_BYTES) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** The written bytes, as a view that the next write may invalidate. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** A copy of the written bytes. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /**
   * Makes room for `count` bytes, so that the caller can write to `bytes` and increase `length`.
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

  /** A double; a NaN may lose its payload. */
  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** LEB128 of an integer up to 2^53 - 1: seven bits per byte, lowest first. */
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
   * An integer with a magnitude below 2^53, as the varint of twice the magnitude, plus 1 if
   * negative.
   */
  signedVarint(value: number): void {
    const magnitude = Math.abs(value);
    const sign = value < 0 ? 1 : 0;
    if (magnitude < 64) {
      this.u8(2 * magnitude + sign);
      return;
    }
    // Twice the magnitude can exceed the exact range of a double, so the first byte is computed
    // separately.
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
