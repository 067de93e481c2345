/**
 * The named entities of ASCII characters, the only ones that can change a context. Any other name
 * stands for a character that is part of a word.
 */
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  AMP: "&",
  apos: "'",
  ast: "*",
  bsol: "\\",
  colon: ":",
  comma: ",",
  commat: "@",
  dollar: "$",
  equals: "=",
  excl: "!",
  grave: "`",
  DiacriticalGrave: "`",
  gt: ">",
  GT: ">",
  Hat: "^",
  lbrace: "{",
  lbrack: "[",
  lcub: "{",
  lowbar: "_",
  UnderBar: "_",
  lpar: "(",
  lsqb: "[",
  lt: "<",
  LT: "<",
  midast: "*",
  NewLine: "\n",
  nbsp: "\u00a0",
  num: "#",
  percnt: "%",
  period: ".",
  plus: "+",
  quest: "?",
  quot: '"',
  QUOT: '"',
  rbrace: "}",
  rbrack: "]",
  rcub: "}",
  rpar: ")",
  rsqb: "]",
  semi: ";",
  sol: "/",
  Tab: "\t",
  verbar: "|",
  vert: "|",
  VerticalLine: "|",
};
const ENTITY =
  /&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|(amp|AMP|lt|LT|gt|GT|quot|QUOT|nbsp)(?:;|(?![a-zA-Z0-9;]))|([a-zA-Z][a-zA-Z0-9]*);)/g;
const WORD_CHARACTER = "\u00e9";

/** Decodes the entities of a part of an attribute value. */
export function decodeEntities(text: string): string {
  return text.replace(
    ENTITY,
    (_whole, hex?: string, decimal?: string, bare?: string, name?: string) => {
      if (hex !== undefined) return character(Number.parseInt(hex, 16));
      if (decimal !== undefined) return character(Number(decimal));
      return NAMED[bare ?? name ?? ""] ?? WORD_CHARACTER;
    },
  );
}

function character(code: number): string {
  const isValid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isValid ? String.fromCodePoint(code) : "\ufffd";
}
