/**
 * Values that differ only in their bits.
 *
 * JavaScript keeps the payload of a NaN inside typed arrays, but not through plain arrays,
 * arithmetic, JSON or structuredClone. Columns of values are therefore `Float64Array`, and these
 * values are written and compared as 64-bit patterns through a second view on the same memory.
 */

/** Prometheus' staleness marker: the series ended here (prometheus/model/value, StaleNaN). */
export const STALE_BITS = 0x7ff0000000000002n;

/**
 * Not in Prometheus: the series has no sample in this row of its table. Never leaves the storage
 * and the query engine.
 */
export const ABSENT_BITS = 0x7ff0000000000004n;

/** The NaN that scraping and arithmetic produce. */
export const NORMAL_NAN_BITS = 0x7ff8000000000001n;

const STALE_HIGH = 0x7ff00000;
const STALE_LOW = 2;
const ABSENT_LOW = 4;

/**
 * A second view on the memory of a column of values, for comparing bits without allocating a
 * BigInt.
 */
export function bitsOf(values: Float64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}

/**
 * `bits` is `bitsOf(values)`. Works only on little-endian machines, which are all that Node.js
 * supports except s390x.
 */
export function isStaleAt(bits: Uint32Array, index: number): boolean {
  return bits[2 * index + 1] === STALE_HIGH && bits[2 * index] === STALE_LOW;
}

export function isAbsentAt(bits: Uint32Array, index: number): boolean {
  return bits[2 * index + 1] === STALE_HIGH && bits[2 * index] === ABSENT_LOW;
}

export function setStaleAt(bits: Uint32Array, index: number): void {
  bits[2 * index + 1] = STALE_HIGH;
  bits[2 * index] = STALE_LOW;
}

export function setAbsentAt(bits: Uint32Array, index: number): void {
  bits[2 * index + 1] = STALE_HIGH;
  bits[2 * index] = ABSENT_LOW;
}
