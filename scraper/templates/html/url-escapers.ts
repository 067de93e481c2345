import { UNSAFE } from "./replacements.js";

/** Replaces a URL whose scheme is not http, https or mailto. */
export const filterUrl = (url: string): string => (hasSafeScheme(url) ? url : `#${UNSAFE}`);

function hasSafeScheme(url: string): boolean {
  const colon = url.indexOf(":");
  if (colon === -1) return true;
  const scheme = url.slice(0, colon);
  return scheme.includes("/") || /^(https?|mailto)$/i.test(scheme);
}

/**
 * @param normalizes keeps characters with a meaning in URLs, and escapes; otherwise, everything
 * except letters, digits and -._~ is escaped
 */
export function encodeUrl(text: string, normalizes: boolean): string {
  const kept = normalizes
    ? /%[0-9a-fA-F]{2}|[A-Za-z0-9\-._~!#$&*+,/:;=?@[\]]+/y
    : /[A-Za-z0-9\-._~]+/y;
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

/** Images with their sizes, separated by commas; an image that is not safe is replaced. */
export function filterSrcset(text: string): string {
  return text.split(",").map(filterImage).join(",");
}

function filterImage(image: string): string {
  const [, before = "", url = "", size = ""] =
    /^([\t\n\f\r ]*)([^\t\n\f\r ]*)([\s\S]*)$/.exec(image) ?? [];
  const isSafe = hasSafeScheme(url) && /^[\t\n\f\r a-zA-Z0-9]*$/.test(size);
  return isSafe ? before + encodeUrl(url, true) + size : `#${UNSAFE}`;
}
