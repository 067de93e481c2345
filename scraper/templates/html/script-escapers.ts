import { replaceCharacters } from "./replacements.js";

const unicodeEscape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

const escapes = (characters: string): Record<string, string> =>
  Object.fromEntries([...characters].map((character) => [character, unicodeEscape(character)]));

const NORMALIZED = {
  ...escapes("\0\v\"&'+<>\u2028\u2029"),
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  "/": "\\/",
};
const STRING = { ...NORMALIZED, ...escapes("`"), "\\": "\\\\" };
const TEMPLATE = { ...STRING, ...escapes("${}") };
const EXPRESSION = {
  ...NORMALIZED,
  ...Object.fromEntries([..."$()*-.?[\\]^{|}"].map((character) => [character, `\\${character}`])),
};

/** In a quoted string of a script. */
export const escapeForScript = (text: string): string => replaceCharacters(text, STRING);

/** In a template literal of a script. */
export const escapeForScriptTemplate = (text: string): string => replaceCharacters(text, TEMPLATE);

/** In a regular expression of a script. An empty text must not make the expression a comment. */
export const escapeForScriptExpression = (text: string): string =>
  text === "" ? "(?:)" : replaceCharacters(text, EXPRESSION);

/** Keeps names and numbers apart from keywords beside them. */
export function padScriptValue(json: string): string {
  const isWord = /^[\w$]|[\w$]$/.test(json);
  return isWord ? ` ${json} ` : json;
}
