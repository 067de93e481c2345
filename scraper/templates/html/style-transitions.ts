import { failed, type HtmlContext, type State } from "./context.js";
import { afterUrl } from "./url-part.js";
import { moved, type Step } from "./step.js";

const SPACE = "\t\n\f\r ";
const NAME_END = /[A-Za-z0-9\-_\u0080-\ud7ff\ue000-\ufffd\ud800-\udfff]$/;

/** Between tokens of a style sheet, up to the next string, URL or comment. */
export function inStyle(context: HtmlContext, text: string): Step {
  const special = /[("'/]/g;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    const at = match.index;
    const enter = (state: State, end: number): Step => moved({ ...context, state }, end);
    switch (text.charAt(at)) {
      case '"':
        return enter("style double-quoted", at + 1);
      case "'":
        return enter("style single-quoted", at + 1);
      case "/":
        if (text[at + 1] === "/") return enter("style line comment", at + 2);
        if (text[at + 1] === "*") return enter("style block comment", at + 2);
        break;
      default:
        if (followsUrlKeyword(text, at)) return enterUrl(context, text, at + 1);
    }
  }
  return moved(context, text.length);
}

function followsUrlKeyword(text: string, paren: number): boolean {
  let end = paren;
  while (end > 0 && SPACE.includes(text.charAt(end - 1))) end--;
  return (
    text.slice(Math.max(0, end - 3), end).toLowerCase() === "url" &&
    !NAME_END.test(text.charAt(end - 4))
  );
}

function enterUrl(context: HtmlContext, text: string, from: number): Step {
  let at = from;
  while (at < text.length && SPACE.includes(text.charAt(at))) at++;
  const quote = text[at];
  if (quote === '"') return moved({ ...context, state: "style double-quoted URL" }, at + 1);
  if (quote === "'") return moved({ ...context, state: "style single-quoted URL" }, at + 1);
  return moved({ ...context, state: "style URL" }, at);
}

const STRING_ENDS: Readonly<Partial<Record<State, RegExp>>> = {
  "style double-quoted": /[\\"]/g,
  "style double-quoted URL": /[\\"]/g,
  "style single-quoted": /[\\']/g,
  "style single-quoted URL": /[\\']/g,
  "style URL": /[\\\t\n\f\r )]/g,
};

/** In a string or URL of a style sheet. Strings are treated as URLs, since they often are. */
export function inStyleString(context: HtmlContext, text: string): Step {
  const ends = new RegExp(STRING_ENDS[context.state] ?? /[\\"]/g);
  let reached = context;
  let from = 0;
  for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
    if (match[0] !== "\\") return moved({ ...reached, state: "style" }, match.index + 1);
    if (match.index + 1 === text.length) {
      return moved(failed("unfinished escape sequence in a string of a style"), text.length);
    }
    from = match.index + 2;
    reached = afterUrl(reached, decodeStyle(text.slice(0, from)));
    ends.lastIndex = from;
  }
  return moved(afterUrl(reached, decodeStyle(text.slice(from))), text.length);
}

/** Decodes the escapes of CSS: `\41` and `\(`. */
export function decodeStyle(text: string): string {
  return text.replace(
    /\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|([\s\S]))|\\$/gu,
    (_whole, hex: string | undefined, plain: string | undefined) => {
      if (hex === undefined) return plain ?? "";
      return fromCodePoint(Number.parseInt(hex, 16));
    },
  );
}

const fromCodePoint = (code: number): string =>
  code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? "\ufffd" : String.fromCodePoint(code);
