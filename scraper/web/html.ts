/** Markup that is safe to show. Only `html` creates it, so nothing reaches a page unescaped. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = string | number | Html | readonly Html[] | undefined;

/**
 * Fills values into markup: texts are escaped, markup is kept, lists are joined, undefined is left
 * out.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((piece, index) => piece + textOf(parts[index])).join(""));
}

function textOf(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  return escapeHtml(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
/** Bounds the size of a page, whatever a target reports about itself. */
const MAX_TEXT_LENGTH = 200;

/**
 * Makes text harmless in markup and in quoted attributes. Control and direction characters, which
 * can make one text look like another, become U+FFFD. Text longer than 200 characters is cut.
 */
export function escapeHtml(text: string): string {
  const cut = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH - 1)}…` : text;
  return cut
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
      /[\t\n]/.test(character) ? " " : "\uFFFD",
    )
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
