import { escapeHtmlText, escapeQuery } from "./text-escaping.js";
import { formatValue, ownText } from "./go-format.js";
import { goJson } from "./go-json.js";
import { GoTime } from "./go-time.js";
import { ESCAPERS, type Content } from "./html/escapers.js";
import { padScriptValue } from "./html/script-escapers.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { isNil, SafeHtml, SafeUrl } from "./template-values.js";

/** `html()` and `urlquery()` are the functions of templates. */
export type HtmlEscaper = keyof typeof ESCAPERS | "script value" | "html()" | "urlquery()";

/** The text that an action writes in HTML mode. */
export function escapeValue(value: unknown, escapers: readonly HtmlEscaper[]): string {
  let escaped = value;
  for (const escaper of escapers) escaped = applyEscaper(escaper, escaped);
  return contentOf(escaped).text;
}

function applyEscaper(escaper: HtmlEscaper, value: unknown): string {
  if (escaper === "script value") return scriptValue(value);
  const content = contentOf(value);
  if (escaper === "html()") return escapeHtmlText(content.text);
  return escaper === "urlquery()" ? escapeQuery(content.text) : ESCAPERS[escaper](content);
}

function contentOf(value: unknown): Content {
  if (value instanceof SafeHtml) return { kind: "HTML", text: value.text };
  if (value instanceof SafeUrl) return { kind: "URL", text: value.text };
  return { kind: "plain", text: isNil(value) ? "" : formatValue(value) };
}

/** JSON; a value with a method `String`, such as labels, is its text. */
function scriptValue(value: unknown): string {
  const isStringer = typeof value === "object" && value !== null && !(value instanceof GoTime);
  const text = isStringer ? ownText(value) : undefined;
  try {
    return padScriptValue(goJson(text ?? value));
  } catch (error) {
    return ` /* ${messageOf(error).replaceAll("*/", "* /")} */null `;
  }
}
