/**
 * The automaton of HTML texts, with scripts and styles in them: `nextContext` reads a piece of the
 * text of a template. It follows the contexts of Go's html/template.
 */
import { attributeOf, isScriptType } from "./attributes.js";
import {
  failed,
  isComment,
  isScriptLiteral,
  START,
  VALUE_STATES,
  type Attribute,
  type Delimiter,
  type Element,
  type HtmlContext,
  type State,
} from "./context.js";
import { decodeEntities } from "./entities.js";
import { inScript, inScriptLiteral, inScriptTemplate } from "./script-transitions.js";
import { moved, type Step } from "./step.js";
import { inStyle, inStyleString } from "./style-transitions.js";
import { afterUrl } from "./url-part.js";

const CONTENT_STATES: Readonly<Record<Element, State>> = {
  other: "text",
  script: "script",
  style: "style",
  textarea: "raw text",
  title: "raw text",
  meta: "text",
};
const SPACE = /^[ \t\n\f\r]*/;

const TRANSITIONS: Readonly<Record<State, (context: HtmlContext, text: string) => Step>> = {
  text: inText,
  tag: inTag,
  "attribute name": inAttributeName,
  "after name": afterName,
  "before value": beforeValue,
  "HTML comment": inHtmlComment,
  "raw text": toEnd,
  attribute: toEnd,
  URL: (context, text) => moved(afterUrl(context, text), text.length),
  srcset: (context, text) => moved(afterUrl(context, text), text.length),
  "meta content": inMetaContent,
  "meta URL": inMetaUrl,
  script: inScript,
  "script double-quoted": inScriptLiteral,
  "script single-quoted": inScriptLiteral,
  "script template": inScriptTemplate,
  "script expression": inScriptLiteral,
  "script block comment": inBlockComment,
  "script line comment": inLineComment,
  "script HTML comment start": inLineComment,
  "script HTML comment end": inLineComment,
  style: inStyle,
  "style double-quoted": inStyleString,
  "style single-quoted": inStyleString,
  "style double-quoted URL": inStyleString,
  "style single-quoted URL": inStyleString,
  "style URL": inStyleString,
  "style block comment": inBlockComment,
  "style line comment": inLineComment,
  unreachable: toEnd,
  error: toEnd,
};

/** One transition outside of attribute values, without a look at end tags. */
export const transition = (context: HtmlContext, text: string): Step =>
  TRANSITIONS[context.state](context, text);

/** Reads a piece of a text; a text is read by calling this until nothing is left. */
export function nextContext(context: HtmlContext, text: string): Step {
  if (context.delimiter !== "none") return inValue(context, text);
  const end = endOfElement(context, text);
  if (end === 0) return moved(START, 0);
  return transition(context, end === undefined ? text : text.slice(0, end));
}

/** Where the end tag of the element around the place begins; undefined: not in the text. */
export function endOfElement({ element, state }: HtmlContext, text: string): number | undefined {
  if (element === "other") return undefined;
  if (element === "script" && (isScriptLiteral(state) || isComment(state))) return undefined;
  const name = element === "meta" ? "" : element;
  const at = text.search(new RegExp(`</${name}[> \\t\\n\\f/]`, "i"));
  return at === -1 ? undefined : at;
}

/** The characters that end an attribute value. */
export const VALUE_ENDS: Readonly<Record<Exclude<Delimiter, "none">, RegExp>> = {
  "double quote": /"/,
  "single quote": /'/,
  "space or end of tag": /[ \t\n\f\r>]/,
};

function inValue(context: HtmlContext, text: string): Step {
  const { delimiter } = context;
  if (delimiter === "none") return transition(context, text);
  const end = text.search(VALUE_ENDS[delimiter]);
  const value = end === -1 ? text : text.slice(0, end);
  const isUnquoted = delimiter === "space or end of tag";
  // HTML parsers differ about these characters.
  const odd = isUnquoted ? /["'<=`]/.exec(value)?.[0] : undefined;
  if (odd !== undefined) {
    return moved(failed(`${JSON.stringify(odd)} in unquoted attribute: ${value}`), text.length);
  }
  if (end === -1) return moved(throughValue(context, decodeEntities(value)), text.length);
  const isOtherScript =
    context.attribute === "script type" &&
    context.element === "script" &&
    context.state === "attribute" &&
    !isScriptType(value);
  const element = isOtherScript ? "other" : context.element;
  return moved({ ...START, state: "tag", element }, isUnquoted ? end : end + 1);
}

function throughValue(context: HtmlContext, value: string): HtmlContext {
  let reached = context;
  for (let rest = value; rest !== "";) {
    const step = transition(reached, rest);
    reached = step.context;
    rest = rest.slice(step.length);
  }
  return reached;
}

function toEnd(context: HtmlContext, text: string): Step {
  return moved(context, text.length);
}

const TAG_OR_COMMENT = /<(?:(!--)|(\/?)([a-zA-Z][a-zA-Z0-9]*(?:[:-][a-zA-Z0-9]+)*))/;

function inText(context: HtmlContext, text: string): Step {
  const match = TAG_OR_COMMENT.exec(text);
  if (match === null) return moved(context, text.length);
  const end = match.index + match[0].length;
  if (match[1] !== undefined) return moved({ ...START, state: "HTML comment" }, end);
  const element = match[2] === "/" ? "other" : elementOf(match[3] ?? "");
  return moved({ ...START, state: "tag", element }, end);
}

function elementOf(name: string): Element {
  const lower = name.toLowerCase();
  switch (lower) {
    case "script":
    case "style":
    case "textarea":
    case "title":
    case "meta":
      return lower;
    default:
      return "other";
  }
}

function spaceLength(text: string): number {
  return SPACE.exec(text)?.[0].length ?? 0;
}

function inTag(context: HtmlContext, text: string): Step {
  const { element } = context;
  const start = spaceLength(text);
  if (start === text.length) return moved(context, start);
  if (text[start] === ">") {
    const inside = element === "meta" ? "other" : element;
    return moved({ ...START, state: CONTENT_STATES[element], element: inside }, start + 1);
  }
  const end = nameEnd(text, start);
  if (typeof end === "string") return moved(failed(end), text.length);
  if (end === start) {
    const found = JSON.stringify(text.slice(start, start + 32));
    const detail = `expected space, attribute name, or end of tag, but got ${found}`;
    return moved(failed(detail), text.length);
  }
  const name = text.slice(start, end).toLowerCase();
  const state = end === text.length ? "attribute name" : "after name";
  return moved({ ...START, state, element, attribute: attributeIn(element, name) }, end);
}

function attributeIn(element: Element, name: string): Attribute {
  if (element === "script" && name === "type") return "script type";
  return element === "meta" && name === "content" ? "meta content" : attributeOf(name);
}

/** The end of an attribute name, or the problem with it. */
function nameEnd(text: string, from: number): number | string {
  const at = text.slice(from).search(/[ \t\n\f\r=>'"<]/);
  if (at === -1) return text.length;
  const character = text.charAt(from + at);
  return "'\"<".includes(character)
    ? `${JSON.stringify(character)} in attribute name: ${text.slice(0, 32)}`
    : from + at;
}

function inAttributeName(context: HtmlContext, text: string): Step {
  const end = nameEnd(text, 0);
  if (typeof end === "string") return moved(failed(end), text.length);
  return moved(end === text.length ? context : { ...context, state: "after name" }, end);
}

function afterName(context: HtmlContext, text: string): Step {
  const start = spaceLength(text);
  if (start === text.length) return moved(context, start);
  if (text[start] !== "=") return moved({ ...context, state: "tag" }, start);
  return moved({ ...context, state: "before value" }, start + 1);
}

function beforeValue(context: HtmlContext, text: string): Step {
  const start = spaceLength(text);
  if (start === text.length) return moved(context, start);
  const delimiter: Delimiter =
    text[start] === '"'
      ? "double quote"
      : text[start] === "'"
        ? "single quote"
        : "space or end of tag";
  const isQuoted = delimiter !== "space or end of tag";
  const state = VALUE_STATES[context.attribute];
  return moved({ ...context, state, delimiter }, isQuoted ? start + 1 : start);
}

function inHtmlComment(context: HtmlContext, text: string): Step {
  const end = text.indexOf("-->");
  return end === -1 ? moved(context, text.length) : moved(START, end + 3);
}

/** `<meta content="0; url=…">` leads to another page. */
function inMetaContent(context: HtmlContext, text: string): Step {
  const match = /url[ \t\n\f\r]*=/i.exec(text);
  if (match === null) return moved(context, text.length);
  return moved({ ...context, state: "meta URL" }, match.index + match[0].length);
}

function inMetaUrl(context: HtmlContext, text: string): Step {
  const end = text.indexOf(";");
  if (end === -1) return moved(context, text.length);
  return moved({ ...context, state: "meta content" }, end + 1);
}

function inBlockComment(context: HtmlContext, text: string): Step {
  const end = text.indexOf("*/");
  if (end === -1) return moved(context, text.length);
  const state = context.state === "style block comment" ? "style" : "script";
  return moved({ ...context, state }, end + 2);
}

function inLineComment(context: HtmlContext, text: string): Step {
  const isStyle = context.state === "style line comment";
  const end = text.search(isStyle ? /[\n\f\r]/ : /[\n\r\u2028\u2029]/);
  if (end === -1) return moved(context, text.length);
  return moved({ ...context, state: isStyle ? "style" : "script" }, end);
}
