import { isUtf8 } from "node:buffer";
import { goUnicodeName } from "./go-quote.js";

/** A scanned string, or the problem that stopped the scan at `at`. */
export type StringScan =
  | { readonly value: string; readonly end: number }
  | { readonly problem: string; readonly at: number };

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
const NUMERIC_ESCAPES: Readonly<Record<string, { digits: number; isByte: boolean }>> = {
  x: { digits: 2, isByte: true },
  u: { digits: 4, isByte: false },
  U: { digits: 8, isByte: false },
};

/**
 * Scans a string literal whose opening `"`, `'` or back-tick is at `start`, with Go's escapes in
 * the first two.
 */
export function scanString(text: string, start: number): StringScan {
  const quote = text.charAt(start);
  if (quote === "`") return scanRawString(text, start);
  let pieces = "";
  let bytes: Buffer[] | undefined;
  for (let at = start + 1; ;) {
    const character = text[at];
    if (character === undefined || character === "\n")
      return { problem: "unterminated quoted string", at };
    if (character === quote) {
      if (bytes === undefined) return { value: pieces, end: at + 1 };
      return {
        value: decodeBytes(Buffer.concat([...bytes, Buffer.from(pieces)])),
        end: at + 1,
      };
    }
    if (character !== "\\") {
      pieces += character;
      at++;
      continue;
    }
    const escape = readEscape(text, at + 1, quote);
    if ("problem" in escape) return escape;
    if (escape.byte === undefined) {
      pieces += escape.value;
    } else {
      // Several escaped bytes may form one character, so they are decoded together at the end.
      bytes = [...(bytes ?? []), Buffer.from(pieces), Buffer.of(escape.byte)];
      pieces = "";
    }
    at = escape.end;
  }
}

/**
 * Decodes UTF-8. A byte that is no part of a character becomes the lone surrogate U+DC00 + byte, so
 * that different bytes stay different and {@link String.isWellFormed} tells that the text was not
 * UTF-8. Encoders write a lone surrogate as U+FFFD, as Go's JSON encoder does with such a byte.
 */
function decodeBytes(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(0xdc00 + bytes.readUInt8(at))
        : bytes.toString("utf8", at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** @returns the length in bytes of the character at `at`, 0 when there is none */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes.readUInt8(at);
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

function scanRawString(text: string, start: number): StringScan {
  const end = text.indexOf("`", start + 1);
  if (end < 0) return { problem: "unterminated raw string", at: text.length };
  return { value: text.slice(start + 1, end), end: end + 1 };
}

type Escape =
  | { readonly value: string; readonly byte?: number; readonly end: number }
  | { readonly problem: string; readonly at: number };

function readEscape(text: string, at: number, quote: string): Escape {
  const character = text[at];
  if (character === undefined) return { problem: "escape sequence not terminated", at };
  if (character === quote) return { value: quote, end: at + 1 };
  const simple = SIMPLE_ESCAPES[character];
  if (simple !== undefined) return { value: simple, end: at + 1 };
  if (/[0-7]/.test(character)) return readNumericEscape(text, at, { digits: 3, isByte: true }, 8);
  const numeric = NUMERIC_ESCAPES[character];
  if (numeric !== undefined) return readNumericEscape(text, at + 1, numeric, 16);
  return { problem: `unknown escape sequence ${goUnicodeName(character)}`, at };
}

function readNumericEscape(
  text: string,
  start: number,
  { digits, isByte }: { digits: number; isByte: boolean },
  base: 8 | 16,
): Escape {
  const isDigit = base === 8 ? /^[0-7]$/ : /^[0-9a-fA-F]$/;
  for (let at = start; at < start + digits; at++) {
    const character = text[at];
    if (character === undefined) return { problem: "escape sequence not terminated", at };
    if (!isDigit.test(character)) {
      return { problem: `illegal character ${goUnicodeName(character)} in escape sequence`, at };
    }
  }
  const end = start + digits;
  const code = Number.parseInt(text.slice(start, end), base);
  if (isByte && code >= 0x80 && code <= 0xff) return { value: "", byte: code, end };
  if (isByte && code < 0x80) return { value: String.fromCharCode(code), end };
  if (isByte || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    return { problem: "escape sequence is an invalid Unicode code point", at: end };
  }
  return { value: String.fromCodePoint(code), end };
}

/** The value of a complete string literal, or undefined when the literal is malformed. */
export function goUnquote(literal: string): string | undefined {
  const scan = scanString(literal, 0);
  if ("problem" in scan || scan.end !== literal.length) return undefined;
  return literal.startsWith("`") ? scan.value.replace(/\r/g, "") : scan.value;
}
