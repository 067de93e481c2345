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

/** A string as Go's `%q` writes it: in double quotes, with escapes for invisible characters. */
export function goQuote(text: string): string {
  return `"${escapeInvisible(text).replace(/"/g, '\\"')}"`;
}

/** A character as Go's `%q` writes it: `'@'`. The empty string means the end of the input. */
export function goQuoteCharacter(character: string): string {
  if (character === "") return "'\uFFFD'";
  return `'${escapeInvisible(character).replace(/'/g, "\\'")}'`;
}

function escapeInvisible(text: string): string {
  return text.replace(
    NEEDS_ESCAPE,
    (character) => NAMED_ESCAPES[character] ?? escapeCodePoint(character),
  );
}

function escapeCodePoint(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  const hex = codePoint.toString(16);
  if (codePoint < 0x80) return `\\x${hex.padStart(2, "0")}`;
  return codePoint < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
