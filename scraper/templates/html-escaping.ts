/** Escaping by place in an HTML text, by the tables of Go's html/template. */
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
/** Text that is already HTML where no tags may stand: entities in it stay as they are. */
const MARKUP = /[\0"'+<>]/g;
const SPECIAL = /[\0"'&+<>]/g;

const replaceWith = (text: string, pattern: RegExp): string =>
  text.replace(pattern, (character) => ENTITIES[character] as string);

/** Between tags. */
export function escapeForElement(value: unknown): string {
  return value instanceof SafeHtml ? value.text : replaceWith(textOf(value), SPECIAL);
}

/** Inside `<title>` and `<textarea>`, where tags are text. */
export function escapeForRawText(value: unknown): string {
  return value instanceof SafeHtml
    ? replaceWith(value.text, MARKUP)
    : replaceWith(textOf(value), SPECIAL);
}

/** Inside a quoted attribute that is neither URL, script nor style. */
export function escapeForAttribute(value: unknown): string {
  if (value instanceof SafeHtml) return replaceWith(value.text.replace(/<[^>]*>/g, ""), MARKUP);
  return replaceWith(textOf(value), SPECIAL);
}

/** Where in a URL an action stands: that decides what may pass. */
export type UrlPart = "start" | "path" | "query";

export function escapeForUrl(value: unknown, part: UrlPart): string {
  const text = textOf(value);
  const isTrusted = value instanceof SafeUrl;
  if (part === "query") return replaceWith(encodeUrl(text, isTrusted), SPECIAL);
  const safe = part === "path" || isTrusted || hasSafeScheme(text) ? text : "#ZgotmplZ";
  return replaceWith(encodeUrl(safe, true), SPECIAL);
}

function hasSafeScheme(url: string): boolean {
  const colon = url.indexOf(":");
  if (colon === -1) return true;
  const scheme = url.slice(0, colon);
  return scheme.includes("/") || ["http", "https", "mailto"].includes(scheme.toLowerCase());
}

/**
 * @param normalizes keeps what has a meaning in URLs, escapes included; otherwise all but letters,
 * digits and -._~ go
 */
function encodeUrl(text: string, normalizes: boolean): string {
  const kept = normalizes
    ? /%[0-9a-fA-F]{2}|[A-Za-z0-9\-._~!#$&*+,/:;=?@[\]]/y
    : /[A-Za-z0-9\-._~]/y;
  let encoded = "";
  for (let at = 0; at < text.length;) {
    kept.lastIndex = at;
    const plain = kept.exec(text)?.[0];
    const character = plain ?? String.fromCodePoint(text.codePointAt(at) as number);
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
