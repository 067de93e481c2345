import { PihealthError } from "../model/errors.js";

/** Bytes are not what `ByteWriter` wrote: they end too early or contain an impossible value. */
export class MalformedBytesError extends PihealthError {
  readonly code = "malformed_bytes";
}

const MAX_SIGNED_REST = 2 ** 47 - 1; // Largest rest of a magnitude below 2^53 after its first six bits.

/** Reads what `ByteWriter` wrote. Every read checks the bounds. */
export class ByteReader {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public offset = 0,
    readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.offset >= this.end;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** A double; a NaN may lose its payload. */
  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 128;
    }
    throw new MalformedBytesError(
      `Cannot read a number at byte ${this.offset}: it must be below 2^53`,
    );
  }

  /**
   * A varint of at most `max`, for counts and lengths, checked before memory is allocated for them.
   */
  count(max: number): number {
    const value = this.varint();
    if (value > max) {
      throw new MalformedBytesError(
        `Cannot read a count at byte ${this.offset}: ${value} is there, at most ${max} can be`,
      );
    }
    return value;
  }

  signedVarint(): number {
    const first = this.u8();
    const rest = first < 128 ? 0 : this.count(MAX_SIGNED_REST);
    const magnitude = rest * 64 + ((first & 127) >> 1);
    return (first & 1) === 0 ? magnitude : -magnitude;
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  text(): string {
    const bytes = this.raw(this.count(this.end - this.offset));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }

  private take(length: number): number {
    const start = this.offset;
    if (start + length > this.end) {
      throw new MalformedBytesError(
        `Cannot read ${length} bytes at byte ${start}: the end is at byte ${this.end}`,
      );
    }
    this.offset = start + length;
    return start;
  }
}
