import { formatApiFloat } from "../../../exporter/shared/model/float-format.js";

/** Approximate size of the pieces that are taken. */
const PIECE_BYTES = 65_536;
/** Larger than any point: a time, a double with all digits, brackets and quotes. */
const MAX_POINT_BYTES = 128;
const PLACES = 1e6;
/** Numbers with fewer than 16 digits, decimals included, are written digit by digit. */
const MAX_EXACT = 1e15;
const BILLION = 1e9;
const ZERO = 0x30;
const MINUS = 0x2d;
const COMMA = 0x2c;

/**
 * Writes the points of a range query as JSON, byte by byte. Nearly all of the response is points, and
 * a string for each would cost more than the rest of the query. The text of the times is made once for
 * all series that share them.
 */
export class PointWriter {
  private bytes = new Uint8Array(PIECE_BYTES + MAX_POINT_BYTES);
  private length = 0;
  private readonly times = new TimeTexts();

  /** True when the written bytes should be taken. */
  get isFull(): boolean {
    return this.length >= PIECE_BYTES;
  }

  /** Returns the bytes written since the last call. */
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
    const { texts, stride, lengths, offset, count } = this.times.of(timestamps, from);
    const { bytes } = this;
    const end = Math.min(timestamps.length, from + count);
    let at = this.length;
    let point = from;
    while (point < end && at < PIECE_BYTES) {
      if (point > 0) bytes[at++] = COMMA;
      const time = offset + point;
      const start = time * stride;
      const stop = start + (lengths[time] as number);
      for (let index = start; index < stop; index++) bytes[at++] = texts[index] as number;
      at = writeNumber(bytes, at, values[point] as number);
      bytes[at++] = 0x22; // "
      bytes[at++] = 0x5d; // ]
      point++;
    }
    this.length = at;
    return point;
  }
}

/** @returns the index after the last byte written */
function writeNumber(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  const magnitude = Math.abs(value);
  const whole = magnitude | 0;
  if (whole === magnitude && whole > 0) {
    if (value < 0) bytes[at++] = MINUS;
    return writeDigits(bytes, at, whole);
  }
  // A decimal with at most 15 digits that parses back to the number is its shortest form.
  const scaled = Math.round(magnitude * PLACES);
  if (magnitude >= 1 / PLACES && scaled < MAX_EXACT && scaled / PLACES === magnitude) {
    if (value < 0) bytes[at++] = MINUS;
    const units = Math.floor(scaled / PLACES);
    at = writeDigits(bytes, at, units);
    return writeFraction(bytes, at, scaled - units * PLACES);
  }
  if (magnitude >= 1 && magnitude < MAX_EXACT && Math.floor(magnitude) === magnitude) {
    if (value < 0) bytes[at++] = MINUS;
    const billions = Math.floor(magnitude / BILLION);
    at = writeDigits(bytes, at, billions);
    return writePadded(bytes, at, magnitude - billions * BILLION, 9);
  }
  const text = formatApiFloat(value);
  for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
  return at;
}

/** @param value whole, below 2^31 */
function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return writePadded(bytes, at, value, count);
}

function writePadded(bytes: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0;
  for (let index = at + count - 1; index >= at; index--) {
    const next = (rest / 10) | 0;
    bytes[index] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + count;
}

/** @param millionths below a million */
function writeFraction(bytes: Uint8Array, at: number, millionths: number): number {
  if (millionths === 0) return at;
  let places = 6;
  let rest = millionths | 0;
  while (rest % 10 === 0) {
    rest = (rest / 10) | 0;
    places--;
  }
  bytes[at] = 0x2e; // .
  return writePadded(bytes, at + 1, rest, places);
}

/** Seconds; three decimals unless whole (prometheus util/jsonutil MarshalTimestamp). */
export function renderTimestamp(timestampMs: number): string {
  const whole = Math.trunc(timestampMs / 1000);
  const fraction = Math.abs(timestampMs % 1000);
  const sign = timestampMs < 0 && whole === 0 ? "-" : "";
  return fraction === 0 ? `${whole}` : `${sign}${whole}.${String(fraction).padStart(3, "0")}`;
}

/** Times whose texts are made and kept at once. */
const TIMES_AT_ONCE = 16_384;

/** The text before each value, such as `[1712345678.9,"`, for the times that were written last. */
class TimeTexts {
  readonly stride = 32;
  texts = new Uint8Array(0);
  lengths = new Uint8Array(0);
  /** Add it to the index of a time, for its index in `texts` and `lengths`. */
  offset = 0;
  /** Times from the requested one on that have a text. */
  count = 0;
  private memory: ArrayBufferLike | undefined;
  private part = -1;

  /** Series of one query share the memory of their times, so texts are known by the place there. */
  of(timestamps: Float64Array, from: number): this {
    const place = timestamps.byteOffset / 8 + from;
    const part = Math.floor(place / TIMES_AT_ONCE);
    const firstPlace = part * TIMES_AT_ONCE;
    this.offset = timestamps.byteOffset / 8 - firstPlace;
    this.count = firstPlace + TIMES_AT_ONCE - place;
    if (timestamps.buffer === this.memory && part === this.part) return this;
    this.memory = timestamps.buffer;
    this.part = part;
    const places = timestamps.buffer.byteLength / 8 - firstPlace;
    const times = new Float64Array(
      timestamps.buffer,
      8 * firstPlace,
      Math.min(TIMES_AT_ONCE, Math.floor(places)),
    );
    if (this.lengths.length < times.length) {
      this.texts = new Uint8Array(times.length * this.stride);
      this.lengths = new Uint8Array(times.length);
    }
    for (const [index, timeMs] of times.entries()) {
      const text = `[${renderTimestamp(timeMs)},"`;
      this.lengths[index] = text.length;
      for (let at = 0; at < text.length; at++)
        this.texts[index * this.stride + at] = text.charCodeAt(at);
    }
    return this;
  }
}
