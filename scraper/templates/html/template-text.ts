import { isComment, isScriptLiteral, type HtmlContext } from "./context.js";
import { nextContext } from "./html-transitions.js";

export interface ReadText {
  /** The context after the text. */
  readonly context: HtmlContext;
  /** The text without comments and with a lone `<` escaped, as Go's html/template writes it. */
  readonly output: string;
}

/** Reads the text between two actions of a template. */
export function readText(start: HtmlContext, text: string): ReadText {
  let context = start;
  let output = "";
  let copied = 0;
  for (let at = 0; at < text.length;) {
    const step = nextContext(context, at === 0 ? text : text.slice(at));
    const end = at + step.length;
    const isDropped = isComment(context.state) && context.delimiter === "none";
    if (context.state === "text" || context.state === "raw text") {
      const changes = step.context.state !== context.state;
      output += text.slice(copied, at) + escapeLoneBrackets(text, at, end, changes);
      copied = end;
    } else if (isDropped) {
      output += insteadOfComment(context, text.slice(copied, end));
      copied = end;
    } else if (isScriptLiteral(context.state)) {
      output += text.slice(copied, at) + escapeScriptTags(text.slice(at, end));
      copied = end;
    }
    if (startsComment(context, step.context)) {
      const written = text.slice(0, end).slice(copied);
      output = withoutCommentStart(output + written, step.context);
      copied = end;
    }
    context = step.context;
    at = end;
  }
  const isDropped = isComment(context.state) && context.delimiter === "none";
  return { context, output: isDropped ? output : output + text.slice(copied) };
}

/** @param changes true when a tag or comment begins at the last `<` of the range */
function escapeLoneBrackets(text: string, from: number, until: number, changes: boolean): string {
  const range = text.slice(from, until);
  const tag = changes ? range.lastIndexOf("<") : -1;
  const end = tag === -1 ? range.length : tag;
  const plain = range.slice(0, end).replace(/<(?!!doctype)/gi, "&lt;");
  return plain + range.slice(end);
}

/** A comment counts as white space, and as the end of a line when it has one. */
function insteadOfComment({ state }: HtmlContext, comment: string): string {
  if (state === "script block comment") return /[\n\r\u2028\u2029]/.test(comment) ? "\n" : " ";
  return state === "style block comment" ? " " : "";
}

const startsComment = (before: HtmlContext, after: HtmlContext): boolean =>
  before.state !== after.state && isComment(after.state) && after.delimiter === "none";

function withoutCommentStart(output: string, { state }: HtmlContext): string {
  if (state === "HTML comment" || state === "script HTML comment start") return output.slice(0, -4);
  return output.slice(0, state === "script HTML comment end" ? -3 : -2);
}

const escapeScriptTags = (text: string): string =>
  text.replace(/<(script|\/script|!--)/gi, "\\x3C$1");
