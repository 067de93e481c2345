import type { Random } from "../support/random.js";
import type { FuzzTarget } from "./fuzz-target.js";

/** Inputs stay below this length, so that a reader of linear cost takes milliseconds. */
export const MAX_INPUT_BYTES = 16_384;

/** Values at which readers of numbers go wrong. */
const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "255",
  "256",
  "65536",
  "2147483648",
  "4294967296",
  "9007199254740993",
  "18446744073709551616",
  "1e400",
  "-1e-400",
  "NaN",
  "+Inf",
  "0x1p-2",
  "1_000",
  "00",
  "1e",
  "٣",
];
const TEXTS = [
  "",
  "\0",
  "\n",
  "\r\n",
  "\t",
  " ",
  '"',
  "'",
  "\\",
  "\\u0000",
  "\\xff",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  "#",
  "=",
  "%",
  "%00",
  "%zz",
  "é",
  "\u202e",
  "\u{1F600}",
  "\uFFFD",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "true",
];

/**
 * One random input: a seed with up to six changes, one in twenty a sequence of tokens instead. The same
 * state of `random` gives the same input.
 */
export function createInput({ seeds, tokens }: FuzzTarget, random: Random): Buffer {
  if (random.chance(0.05)) return tokenSequence(tokens, random);
  let input = random.pick(seeds);
  for (let changes = 1 + random.below(6); changes > 0; changes--)
    input = change(input, { seeds, tokens }, random);
  return input.subarray(0, MAX_INPUT_BYTES);
}

function tokenSequence(tokens: readonly string[], random: Random): Buffer {
  const all = [...tokens, ...TEXTS, ...NUMBERS];
  return Buffer.from(
    Array.from({ length: random.below(30) }, () => random.pick(all)).join(
      random.pick(["", "", " ", "\n"]),
    ),
  );
}

type Material = Pick<FuzzTarget, "seeds" | "tokens">;

function change(input: Buffer, { seeds, tokens }: Material, random: Random): Buffer {
  const at = random.below(input.length + 1);
  const length = Math.min(input.length - at, 1 + random.below(random.chance(0.5) ? 4 : 64));
  const insert = (bytes: Uint8Array): Buffer => replace(input, { at, length: 0 }, bytes);
  switch (random.below(10)) {
    case 0:
      return flipBit(input, random);
    case 1:
      return replace(input, { at, length: 1 }, Buffer.of(random.below(256)));
    case 2:
      return replace(input, { at, length }, Buffer.alloc(0));
    case 3:
      return insert(input.subarray(at, at + length));
    case 4:
      return insert(Buffer.from(tokens.length === 0 ? "" : random.pick(tokens)));
    case 5:
      return insert(Buffer.from(random.pick(TEXTS)));
    case 6:
      return replaceNumber(input, at, random);
    case 7:
      return splice(input, random.pick(seeds), random);
    case 8:
      return repeat(input, { at, length }, random);
    default:
      return replace(input, { at, length }, Buffer.from(random.pick(TEXTS)));
  }
}

interface Part {
  readonly at: number;
  readonly length: number;
}

const replace = (input: Buffer, { at, length }: Part, bytes: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, at), bytes, input.subarray(at + length)]);

function flipBit(input: Buffer, random: Random): Buffer {
  if (input.length === 0) return input;
  const changed = Buffer.from(input);
  const at = random.below(input.length);
  changed.writeUInt8(input.readUInt8(at) ^ (1 << random.below(8)), at);
  return changed;
}

/** Replaces the first number after a position. */
function replaceNumber(input: Buffer, from: number, random: Random): Buffer {
  const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;
  let at = from;
  while (at < input.length && !isDigit(input.readUInt8(at))) at++;
  let end = at;
  while (end < input.length && isDigit(input.readUInt8(end))) end++;
  return replace(input, { at, length: end - at }, Buffer.from(random.pick(NUMBERS)));
}

/** The beginning of one input and the end of another. */
function splice(input: Buffer, other: Buffer, random: Random): Buffer {
  const end = input.subarray(0, random.below(input.length + 1));
  return Buffer.concat([end, other.subarray(random.below(other.length + 1))]);
}

/** Writes a part many times, as deep nesting and long lists do. */
function repeat(input: Buffer, { at, length }: Part, random: Random): Buffer {
  const part = input.subarray(at, at + length);
  const times = random.below(random.chance(0.1) ? 3000 : 20);
  const copies = Array.from(
    { length: Math.min(times, Math.ceil(MAX_INPUT_BYTES / (length + 1))) },
    () => part,
  );
  return replace(input, { at, length: 0 }, Buffer.concat(copies));
}
