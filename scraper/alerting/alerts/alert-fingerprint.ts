import type { LabelPair, Labels } from "../../../exporter/shared/model/labels.js";

const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
const PRIME_LOW = 0x1b3; // The 64-bit FNV prime is 2^40 + 0x1b3.
const SEPARATOR = 0xff; // A byte that no UTF-8 text contains (prometheus/common, model/signature.go).

/**
 * Identity of a label set: 64-bit FNV-1a over names and values in order, as prometheus/common
 * computes it.
 *
 * @returns 16 hexadecimal digits, equal to Alertmanager's `fingerprint` of the same labels
 */
export function fingerprintOf(labels: Labels): string {
  const bytes = Buffer.concat(labels.pairs.flatMap(separated));
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    // (high, low) * (2^40 + 0x1b3) modulo 2^64, in parts that stay below 2^53.
    const product = low * PRIME_LOW;
    const carry = Math.floor(product / 0x1_0000_0000);
    high = (Math.imul(high, PRIME_LOW) + (low << 8) + carry) >>> 0;
    low = product >>> 0;
  }
  return hexOf(high) + hexOf(low);
}

function separated([name, value]: LabelPair): Buffer[] {
  const separator = Buffer.of(SEPARATOR);
  return [Buffer.from(name), separator, Buffer.from(value), separator];
}

const hexOf = (word: number): string => word.toString(16).padStart(8, "0");
