import { formatApiFloat } from "../../exporter/shared/model/float-format.js";
import { renderTimestamp } from "./render-timestamp.js";

/** Bytes handed on at once, about. */
const PIECE_BYTES = 65_536;
/** No point is longer: the time, a double in full, brackets and quotes. */
const MAX_POINT_BYTES = 128;
const PLACES = 1e6;
/** Whole numbers of so many digits, also behind the point, are written digit by digit. */
const MAX_EXACT = 1e15;
const BILLION = 1e9;
const ZERO = 0x30;
const COMMA = 0x2c;

/**
 * Writes the points of a range answer as JSON, byte by byte: most of such an answer is points, and a text for each would
 * cost more than all the rest of the query. Times are written once for all series that share them.
 */
export class PointWriter {
  private bytes = new Uint8Array(PIECE_BYTES + MAX_POINT_BYTES);
  private length = 0;
  private readonly times = new TimeTexts();

  /** True when what was written should be taken. */
  get isFull(): boolean {
    return this.length >= PIECE_BYTES;
  }

  /** What was written since it was last asked for. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = new Uint8Array(PIECE_BYTES + MAX_POINT_BYTES);
    this.length = 0;
    return taken;
  }

  text(text: string): void {
    const bytes = Buffer.from(text);
    if (this.length + bytes.length + MAX_POINT_BYTES > this.bytes.length) {
      const grown = new Uint8Array(this.length + bytes.length + PIECE_BYTES + MAX_POINT_BYTES);
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /**
   * Writes points from the index `from` on, until the piece is full.
   *
   * @returns the index of the first point not written
   */
  points(timestamps: Float64Array, values: Float64Array, from: number): number {
    const { texts, stride, lengths, offset } = this.times.of(timestamps);
    let point = from;
    while (point < timestamps.length && this.length < PIECE_BYTES) {
      if (point > 0) this.bytes[this.length++] = COMMA;
      const start = (offset + point) * stride;
      const end = start + (lengths[offset + point] as number);
      for (let at = start; at < end; at++) this.bytes[this.length++] = texts[at] as number;
      this.number(values[point] as number);
      this.bytes[this.length++] = 0x22; // "
      this.bytes[this.length++] = 0x5d; // ]
      point++;
    }
    return point;
  }

  private number(value: number): void {
    // A decimal of at most 15 digits that reads back as the number is the shortest there is.
    const magnitude = Math.abs(value);
    const scaled = Math.round(magnitude * PLACES);
    if (magnitude >= 1 / PLACES && scaled < MAX_EXACT && scaled / PLACES === magnitude) {
      if (value < 0) this.bytes[this.length++] = 0x2d; // -
      const whole = Math.floor(scaled / PLACES);
      this.digits(whole);
      this.fraction(scaled - whole * PLACES);
    } else if (magnitude >= 1 && magnitude < MAX_EXACT && Math.floor(magnitude) === magnitude) {
      if (value < 0) this.bytes[this.length++] = 0x2d; // -
      const billions = Math.floor(magnitude / BILLION);
      this.digits(billions);
      this.padded(magnitude - billions * BILLION, 9);
    } else {
      const text = formatApiFloat(value);
      for (let at = 0; at < text.length; at++) this.bytes[this.length++] = text.charCodeAt(at);
    }
  }

  /** @param value whole, below 2^31 */
  private digits(value: number): void {
    let count = 1;
    for (let limit = 10; value >= limit; limit *= 10) count++;
    this.padded(value, count);
  }

  private padded(value: number, count: number): void {
    let rest = value | 0;
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const next = (rest / 10) | 0;
      this.bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.length += count;
  }

  /** @param millionths below a million */
  private fraction(millionths: number): void {
    if (millionths === 0) return;
    let places = 6;
    let rest = millionths;
    while (rest % 10 === 0) {
      rest /= 10;
      places--;
    }
    this.bytes[this.length++] = 0x2e; // .
    this.padded(rest, places);
  }
}

/** The text before each value, `[1712345678.9,"`, of the times that were written last. */
class TimeTexts {
  readonly stride = 32;
  texts = new Uint8Array(0);
  lengths = new Uint8Array(0);
  /** Of the times asked for among those that share their memory. */
  offset = 0;
  private memory: ArrayBufferLike | undefined;

  of(timestamps: Float64Array): this {
    this.offset = timestamps.byteOffset / 8;
    if (timestamps.buffer === this.memory) return this;
    this.memory = timestamps.buffer;
    const all = new Float64Array(timestamps.buffer);
    this.texts = new Uint8Array(all.length * this.stride);
    this.lengths = new Uint8Array(all.length);
    for (const [index, timeMs] of all.entries()) {
      const text = `[${renderTimestamp(timeMs)},"`;
      this.lengths[index] = text.length;
      for (let at = 0; at < text.length; at++) this.texts[index * this.stride + at] = text.charCodeAt(at);
    }
    return this;
  }
}
