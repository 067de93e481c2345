import type { NumberOperand } from "./nodes.js";

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]?))/g;

/** The text a Go string constant stands for, or undefined when an escape is not Go's. */
export function unquote(source: string): string | undefined {
  if (source.startsWith("`")) return source.slice(1, -1).replace(/\r/g, "");
  const quote = source[0] as string;
  const otherQuote = quote === '"' ? "'" : '"';
  let valid = true;
  // Bytes written as \xNN or \NNN form UTF-8 sequences together with their neighbours.
  const bytes: Buffer[] = [];
  let last = 0;
  const inner = source.slice(1, -1);
  for (const match of inner.matchAll(ESCAPE)) {
    const [whole, byte, short, long, octal, simple] = match;
    bytes.push(Buffer.from(inner.slice(last, match.index)));
    last = match.index + whole.length;
    const code = Number.parseInt(short ?? long ?? "0", 16);
    if (byte !== undefined) bytes.push(Buffer.from([Number.parseInt(byte, 16)]));
    else if (octal !== undefined && Number.parseInt(octal, 8) < 256)
      bytes.push(Buffer.from([Number.parseInt(octal, 8)]));
    else if ((short ?? long) !== undefined && isScalarCode(code))
      bytes.push(Buffer.from(String.fromCodePoint(code)));
    else if (simple !== undefined && simple !== otherQuote && ESCAPES[simple] !== undefined) {
      bytes.push(Buffer.from(ESCAPES[simple]));
    } else valid = false;
  }
  bytes.push(Buffer.from(inner.slice(last)));
  return valid ? Buffer.concat(bytes).toString("utf8") : undefined;
}

const isScalarCode = (code: number): boolean =>
  code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);

const LARGEST_INT = 2n ** 63n;
const INTEGER =
  /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[oO]?(?:_?[0-7])*|0[bB](?:_?[01])+|[1-9](?:_?[0-9])*)$/;
const FLOAT =
  /^[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+)?$/;

/** Reads a Go number or character constant; undefined when it is none. */
export function parseNumber(source: string, position: number): NumberOperand | undefined {
  if (source.startsWith("'")) {
    const text = unquote(source);
    const code = text === undefined ? undefined : text.codePointAt(0);
    if (code === undefined || [...(text as string)].length !== 1) return undefined;
    return { kind: "number", position, source, integer: BigInt(code), float: code, isFloat: false };
  }
  if (INTEGER.test(source)) {
    const integer = parseInteger(source);
    if (integer >= LARGEST_INT || integer < -LARGEST_INT) return undefined;
    return { kind: "number", position, source, integer, float: Number(integer), isFloat: false };
  }
  if (!FLOAT.test(source)) return undefined;
  const float = Number(source.replace(/_/g, ""));
  if (!Number.isFinite(float)) return undefined;
  const integer = Number.isInteger(float) && Math.abs(float) < 2 ** 63 ? BigInt(float) : undefined;
  return { kind: "number", position, source, integer, float, isFloat: true };
}

function parseInteger(source: string): bigint {
  const digits = source.replace(/_/g, "").replace(/^[+-]/, "");
  const magnitude = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return source.startsWith("-") ? -magnitude : magnitude;
}
