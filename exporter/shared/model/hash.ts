import { createHash } from "node:crypto";

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The hash of an empty sequence of numbers, for `extendHash`. */
export const EMPTY_HASH = FNV_OFFSET_BASIS | 0;

/**
 * One step of 32-bit FNV-1a. Hashes made of it are keys of maps in memory: they are not persisted
 * and do not resist chosen input.
 *
 * @param value integer of up to 32 bits
 */
export const extendHash = (hash: number, value: number): number =>
  Math.imul(hash ^ value, FNV_PRIME);

/** 32-bit FNV-1a of bytes, a signed integer. */
export function hashBytes(bytes: Uint8Array): number {
  let hash = EMPTY_HASH;
  for (let index = 0; index < bytes.length; index++)
    hash = extendHash(hash, bytes[index] as number);
  return hash;
}

/**
 * 32-bit FNV-1a of a text's UTF-16 units with the final mix of MurmurHash3, an unsigned integer.
 * FNV-1a alone leaves similar texts with similar low bits; the mix spreads every bit evenly, so the
 * hash may be taken modulo anything. It is the same in every process.
 */
export function hashText(text: string): number {
  let hash = EMPTY_HASH;
  for (let index = 0; index < text.length; index++) hash = extendHash(hash, text.charCodeAt(index));
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** SHA-256 as 64 lower-case hexadecimal digits; a text is hashed as UTF-8. */
export const sha256Hex = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");
