import { failed, type HtmlContext, type Slash } from "./context.js";
import { moved, type Step } from "./step.js";

const SPACE =
  "\f\n\r\t\v \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";
/** Words after which a slash begins a regular expression. */
const BEFORE_EXPRESSION = new Set(
  "break case continue delete do else finally in instanceof return throw try typeof void".split(
    " ",
  ),
);

/** Between tokens of a script, up to the next literal, comment or brace. */
export function inScript(context: HtmlContext, text: string): Step {
  const at = text.search(/["'`/{}<\-#]/);
  if (at === -1) {
    return moved({ ...context, slash: slashAfter(text, context.slash) }, text.length);
  }
  const before = { ...context, slash: slashAfter(text.slice(0, at), context.slash) };
  const literal = { ...before, slash: "regular expression" } as const;
  switch (text.charAt(at)) {
    case '"':
      return moved({ ...literal, state: "script double-quoted" }, at + 1);
    case "'":
      return moved({ ...literal, state: "script single-quoted" }, at + 1);
    case "`":
      return moved({ ...literal, state: "script template" }, at + 1);
    case "/":
      return atSlash(before, text, at);
    case "{":
      return moved({ ...literal, braces: addToLast(context.braces, 1) }, at + 1);
    case "}":
      return moved(afterBrace(literal), at + 1);
    default:
      return atOddComment(before, text, at);
  }
}

function atSlash(context: HtmlContext, text: string, at: number): Step {
  if (text[at + 1] === "/") return moved({ ...context, state: "script line comment" }, at + 2);
  if (text[at + 1] === "*") return moved({ ...context, state: "script block comment" }, at + 2);
  switch (context.slash) {
    case "regular expression":
      return moved({ ...context, state: "script expression" }, at + 1);
    case "division":
      return moved({ ...context, slash: "regular expression" }, at + 1);
    case "unknown":
      return moved(failed("a slash could start a division or a regular expression"), text.length);
  }
}

/** `<!--`, `-->` and `#!` start comments of one line. */
function atOddComment(context: HtmlContext, text: string, at: number): Step {
  if (text.startsWith("<!--", at)) {
    return moved({ ...context, state: "script HTML comment start" }, at + 4);
  }
  if (text.startsWith("-->", at)) {
    return moved({ ...context, state: "script HTML comment end" }, at + 3);
  }
  if (text.startsWith("#!", at)) return moved({ ...context, state: "script line comment" }, at + 2);
  return moved(context, at + 1);
}

const addToLast = (braces: readonly number[], change: number): readonly number[] =>
  braces.map((count, index) => (index === braces.length - 1 ? count + change : count));

/** A closing brace may end the `${…}` of a template literal. */
function afterBrace(context: HtmlContext): HtmlContext {
  if (context.braces.length === 0) return context;
  const braces = addToLast(context.braces, -1);
  if ((braces.at(-1) ?? 0) >= 0) return { ...context, braces };
  return { ...context, state: "script template", braces: braces.slice(0, -1) };
}

/** In a template literal, up to its end or the next `${`. */
export function inScriptTemplate(context: HtmlContext, text: string): Step {
  const special = /\\|`|\$\{/g;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    const end = match.index + match[0].length;
    if (match[0] === "`") return moved({ ...context, state: "script" }, end);
    if (match[0] === "${") {
      return moved({ ...context, state: "script", braces: [...context.braces, 0] }, end);
    }
    if (end === text.length) return unfinishedEscape(text);
    special.lastIndex = end + 1;
  }
  return moved(context, text.length);
}

const unfinishedEscape = (text: string): Step =>
  moved(failed("unfinished escape sequence in a string of a script"), text.length);

/** In a quoted string or a regular expression. */
export function inScriptLiteral(context: HtmlContext, text: string): Step {
  const isExpression = context.state === "script expression";
  const special = isExpression
    ? /[\\/[\]]/g
    : context.state === "script single-quoted"
      ? /[\\']/g
      : /[\\"]/g;
  let isInSet = false;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    const at = match.index;
    if (match[0] === "\\") {
      if (at + 1 === text.length) return unfinishedEscape(text);
      special.lastIndex = at + 2;
    } else if (match[0] === "[") isInSet = true;
    else if (match[0] === "]") isInSet = false;
    // The slash of an end tag of scripts is escaped later.
    else if (isExpression && /^<\/script$/i.test(text.slice(at - 1, at + 7)))
      special.lastIndex = at + 2;
    else if (!isInSet) return moved({ ...context, state: "script", slash: "division" }, at + 1);
  }
  if (isInSet) {
    return moved(
      failed("unfinished set of characters in a regular expression of a script"),
      text.length,
    );
  }
  return moved(context, text.length);
}

/** The meaning of a slash after these tokens, which are no literals and comments. */
function slashAfter(text: string, before: Slash): Slash {
  let end = text.length;
  while (end > 0 && SPACE.includes(text.charAt(end - 1))) end--;
  if (end === 0) return before;
  const last = text.charAt(end - 1);
  if (last === "+" || last === "-") {
    let start = end - 1;
    while (start > 0 && text[start - 1] === last) start--;
    return (end - start) % 2 === 1 ? "regular expression" : "division";
  }
  if (last === ".") return /\d/.test(text.charAt(end - 2)) ? "division" : "regular expression";
  if (",<>=*%&|^?!~([:;{}".includes(last)) return "regular expression";
  let start = end;
  while (start > 0 && /[\w$]/.test(text.charAt(start - 1))) start--;
  return BEFORE_EXPRESSION.has(text.slice(start, end)) ? "regular expression" : "division";
}
