import { UNSAFE } from "./replacements.js";
import { decodeStyle } from "./style-transitions.js";

/** In a string of a style sheet. */
export function escapeForStyleString(text: string): string {
  return text.replace(/[\0\t\n\f\r"&'()+/:;<>\\{}]/g, (character, offset: number) => {
    if (character === "\\") return "\\\\";
    const next = text.charAt(offset + 1);
    // A space ends the number of an escape where the next character could be taken for a digit.
    const space = next === "" || /[0-9a-fA-F\t\n\f\r ]/.test(next) ? " " : "";
    return `\\${character.charCodeAt(0).toString(16)}${space}`;
  });
}

/**
 * Lets lengths, colors, names and the like pass as values of a style; not those that could end a
 * declaration or run a script.
 */
export function filterStyleValue(text: string): string {
  const decoded = decodeStyle(text);
  if (/[\0"'()/;@[\\\]`{}<>]|--/.test(decoded)) return UNSAFE;
  const name = decoded.replace(/[^A-Za-z0-9_-]/g, "").toLowerCase();
  return /expression|mozbinding/.test(name.replaceAll("-", "")) ? UNSAFE : decoded;
}
