import type { HtmlContext } from "./context.js";

/** The part of the URL that has been reached after some of its text. */
export function afterUrl(context: HtmlContext, text: string): HtmlContext {
  if (/[#?]/.test(text)) return { ...context, urlPart: "query or fragment" };
  const isStarted = context.urlPart === "start" && /[^ \t\n\f\r]/.test(text);
  return isStarted ? { ...context, urlPart: "before query" } : context;
}
