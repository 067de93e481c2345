/**
 * The escapers of html/template: each takes a content that an action prints and makes it safe for
 * one kind of context. Several apply one after the other.
 */
import { mayBeNamedByAction } from "./attributes.js";
import { replaceCharacters, UNSAFE } from "./replacements.js";
import {
  escapeForScript,
  escapeForScriptExpression,
  escapeForScriptTemplate,
} from "./script-escapers.js";
import { stripTags } from "./strip-tags.js";
import { escapeForStyleString, filterStyleValue } from "./style-escapers.js";
import { encodeUrl, filterSrcset, filterUrl } from "./url-escapers.js";

/** What a function vouches for; everything else is `plain`. */
export type ContentKind = "plain" | "HTML" | "URL";

export interface Content {
  readonly kind: ContentKind;
  readonly text: string;
}

const MARKUP: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "+": "&#43;",
  "<": "&lt;",
  ">": "&gt;",
};
const PLAIN = { ...MARKUP, "&": "&amp;" };
const UNQUOTED_MARKUP: Readonly<Record<string, string>> = {
  ...MARKUP,
  ...Object.fromEntries(
    [..."\t\n\v\f\r =`"].map((character) => [character, `&#${character.charCodeAt(0)};`]),
  ),
  "\0": "&#xfffd;",
};
const UNQUOTED = { ...UNQUOTED_MARKUP, "&": "&amp;" };

export const ESCAPERS = {
  /** Between tags. */
  html: ({ kind, text }: Content) => (kind === "HTML" ? text : replaceCharacters(text, PLAIN)),
  /** In `<title>` and `<textarea>`. */
  "raw text": ({ kind, text }: Content) =>
    replaceCharacters(text, kind === "HTML" ? MARKUP : PLAIN),
  attribute: ({ kind, text }: Content) =>
    kind === "HTML" ? replaceCharacters(stripTags(text), MARKUP) : replaceCharacters(text, PLAIN),
  "unquoted attribute": escapeUnquoted,
  "attribute name": ({ text }: Content) => filterName(text),
  comment: () => "",
  "URL filter": ({ kind, text }: Content) => (kind === "URL" ? text : filterUrl(text)),
  "URL path": ({ text }: Content) => encodeUrl(text, true),
  "URL query": ({ kind, text }: Content) => encodeUrl(text, kind === "URL"),
  srcset: ({ kind, text }: Content) =>
    kind === "URL" ? encodeUrl(text, true).replaceAll(",", "%2c") : filterSrcset(text),
  "script string": ({ text }: Content) => escapeForScript(text),
  "script template": ({ text }: Content) => escapeForScriptTemplate(text),
  "script expression": ({ text }: Content) => escapeForScriptExpression(text),
  "style string": ({ text }: Content) => escapeForStyleString(text),
  "style value": ({ text }: Content) => filterStyleValue(text),
} satisfies Record<string, (content: Content) => string>;

function escapeUnquoted({ kind, text }: Content): string {
  if (text === "") return UNSAFE;
  const escaped =
    kind === "HTML"
      ? replaceCharacters(stripTags(text), UNQUOTED_MARKUP)
      : replaceCharacters(text, UNQUOTED);
  return escaped.replace(
    /[\ufdd0-\ufdef\ufff0-\uffff]/g,
    (character) => `&#x${character.charCodeAt(0).toString(16)};`,
  );
}

function filterName(text: string): string {
  const name = text.toLowerCase();
  return /^[a-z0-9]+$/.test(name) && mayBeNamedByAction(name) ? name : UNSAFE;
}
