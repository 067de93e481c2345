/**
 * Strings and characters as Go's fmt package writes them, for messages equal to those of
 * Prometheus.
 */
const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};
const NEEDS_ESCAPE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\\]|(?! )\p{Zs}/gu;

const NOT_ASCII_OR_NEEDS_ESCAPE = /[^ -~]|\\/gu;

/** A string as Go's `%q` writes it: in double quotes, with escapes for invisible characters. */
export function goQuote(text: string): string {
  return `"${escape(text, NEEDS_ESCAPE).replace(/"/g, '\\"')}"`;
}

/**
 * A string as Go's `%+q` writes it: like `%q`, and with escapes for all characters beyond ASCII.
 */
export function goQuoteToAscii(text: string): string {
  return `"${escape(text, NOT_ASCII_OR_NEEDS_ESCAPE).replace(/"/g, '\\"')}"`;
}

/** A character as Go's `%q` writes it: `'@'`. The empty string means the end of the input. */
export function goQuoteCharacter(character: string): string {
  if (character === "") return "'\uFFFD'";
  return `'${escape(character, NEEDS_ESCAPE).replace(/'/g, "\\'")}'`;
}

/** A character as Go's `%#U` writes it: `U+0078 'x'`. */
export function goUnicodeName(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")} '${character}'`;
}

function escape(text: string, pattern: RegExp): string {
  return text.replace(
    pattern,
    (character) => NAMED_ESCAPES[character] ?? escapeCodePoint(character),
  );
}

function escapeCodePoint(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  // A byte that is not UTF-8: see go-string.ts.
  if (codePoint >= 0xdc80 && codePoint <= 0xdcff) return `\\x${(codePoint - 0xdc00).toString(16)}`;
  const hex = codePoint.toString(16);
  if (codePoint < 0x80) return `\\x${hex.padStart(2, "0")}`;
  return codePoint < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
