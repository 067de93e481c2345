import { isUtf8 } from "node:buffer";

/**
 * Text of bytes that are meant to be UTF-8. A byte that is not becomes `\x` and two hexadecimal
 * digits, as in findmnt, so two names that differ stay different.
 */
export function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString("utf8");
  let text = "";
  for (let at = 0; at < buffer.length;) {
    const length = [1, 2, 3, 4].find((count) => isUtf8(buffer.subarray(at, at + count)));
    const isWhole = length !== undefined && at + length <= buffer.length;
    text += isWhole
      ? buffer.toString("utf8", at, at + length)
      : `\\x${buffer.toString("hex", at, at + 1)}`;
    at += isWhole ? length : 1;
  }
  return text;
}
