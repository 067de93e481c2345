import type { Labels } from "../../../exporter/shared/model/labels.js";

const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
const PRIME_LOW = 0x1b3; // The 64-bit FNV prime is 2^40 + 0x1b3.
const SEPARATOR = "\u{ff}"; // A byte that no UTF-8 text contains (prometheus/common, model/signature.go).

const IS_ASCII = /^[\x00-\x7f]*$/;
const known = new WeakMap<Labels, string>();

/**
 * Identity of a label set: 64-bit FNV-1a over names and values in order, as prometheus/common
 * computes it. It is computed once per object.
 *
 * @returns 16 hexadecimal digits, equal to Alertmanager's `fingerprint` of the same labels
 */
export function fingerprintOf(labels: Labels): string {
  let fingerprint = known.get(labels);
  if (fingerprint === undefined) known.set(labels, (fingerprint = compute(labels)));
  return fingerprint;
}

function compute(labels: Labels): string {
  const bytes = Buffer.from(textOf(labels), "latin1");
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

/** The bytes of names and values in UTF-8, each with a separator, as a text of one character per byte. */
function textOf({ pairs }: Labels): string {
  let text = "";
  for (const [name, value] of pairs) text += bytesOf(name) + SEPARATOR + bytesOf(value) + SEPARATOR;
  return text;
}

const bytesOf = (text: string): string =>
  IS_ASCII.test(text) ? text : Buffer.from(text).toString("latin1");

const hexOf = (word: number): string => word.toString(16).padStart(8, "0");
