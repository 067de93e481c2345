import { goUnquote } from "../base/go-string.js";
import type { NumberOperand } from "./nodes.js";

const LARGEST_INT = 2n ** 63n;
const INTEGER =
  /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[oO]?(?:_?[0-7])*|0[bB](?:_?[01])+|[1-9](?:_?[0-9])*)$/;
const FLOAT =
  /^[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+)?$/;

/** Parses a Go number or character constant; undefined when it is malformed. */
export function parseNumber(source: string, position: number): NumberOperand | undefined {
  if (source.startsWith("'")) {
    const [character, ...others] = goUnquote(source) ?? "";
    const code = character?.codePointAt(0);
    if (code === undefined || others.length > 0) return undefined;
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
