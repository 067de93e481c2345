/**
 * Escaping of values according to their context in an HTML text, with the tables of Go's
 * html/template.
 */
import { formatValue } from "./go-format.js";
import { isNil, SafeHtml, SafeUrl } from "./template-values.js";

const ENTITIES: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "+": "&#43;",
  "<": "&lt;",
  ">": "&gt;",
};
/** For text that is already HTML where no tags are allowed: its entities are kept. */
const MARKUP = /[\0"'+<>]/g;
const SPECIAL = /[\0"'&+<>]/g;

const escape = (text: string, pattern: RegExp): string =>
  text.replace(pattern, (character) => ENTITIES[character] ?? character);

/** The function `html`, which does not know the context. */
export const escapeHtmlText = (text: string): string => escape(text, /[\0"'&<>]/g);

/** Between tags. */
export function escapeForElement(value: unknown): string {
  return value instanceof SafeHtml ? value.text : escape(textOf(value), SPECIAL);
}

/** Inside `<title>` and `<textarea>`, where tags are text. */
export function escapeForRawText(value: unknown): string {
  return value instanceof SafeHtml ? escape(value.text, MARKUP) : escape(textOf(value), SPECIAL);
}

/** Inside a quoted attribute that is neither URL, script nor style. */
export function escapeForAttribute(value: unknown): string {
  if (value instanceof SafeHtml) return escape(value.text.replace(/<[^>]*>/g, ""), MARKUP);
  return escape(textOf(value), SPECIAL);
}

/** The part of a URL that a value is in, which decides how it is escaped. */
export type UrlPart = "start" | "path" | "query";

export function escapeForUrl(value: unknown, part: UrlPart): string {
  const text = textOf(value);
  const isTrusted = value instanceof SafeUrl;
  if (part === "query") return escape(encodeUrl(text, isTrusted), SPECIAL);
  const safe = part === "path" || isTrusted || hasSafeScheme(text) ? text : "#ZgotmplZ";
  return escape(encodeUrl(safe, true), SPECIAL);
}

function hasSafeScheme(url: string): boolean {
  const colon = url.indexOf(":");
  if (colon === -1) return true;
  const scheme = url.slice(0, colon);
  return scheme.includes("/") || ["http", "https", "mailto"].includes(scheme.toLowerCase());
}

/**
 * @param normalizes keeps characters with a meaning in URLs, and escapes; otherwise, everything
 * except letters, digits and -._~ is escaped
 */
function encodeUrl(text: string, normalizes: boolean): string {
  const kept = normalizes
    ? /%[0-9a-fA-F]{2}|[A-Za-z0-9\-._~!#$&*+,/:;=?@[\]]/y
    : /[A-Za-z0-9\-._~]/y;
  let encoded = "";
  for (let at = 0; at < text.length;) {
    kept.lastIndex = at;
    const plain = kept.exec(text)?.[0];
    const character = plain ?? String.fromCodePoint(text.codePointAt(at) ?? 0);
    encoded += plain ?? percentEncode(character);
    at += character.length;
  }
  return encoded;
}

function percentEncode(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
    .join("");
}

const textOf = (value: unknown): string => (isNil(value) ? "" : formatValue(value));
