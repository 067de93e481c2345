/**
 * The place in an HTML text where an action of a template stands: what a parser would be reading
 * there. Contexts are values, and transitions (html-transitions.ts) lead from one to the next.
 */

export type State =
  | "text"
  | "tag"
  | "attribute name"
  | "after name"
  | "before value"
  | "HTML comment"
  | "raw text"
  | "attribute"
  | "URL"
  | "srcset"
  | "meta content"
  | "meta URL"
  | "script"
  | "script double-quoted"
  | "script single-quoted"
  | "script template"
  | "script expression"
  | "script block comment"
  | "script line comment"
  | "script HTML comment start"
  | "script HTML comment end"
  | "style"
  | "style double-quoted"
  | "style single-quoted"
  | "style double-quoted URL"
  | "style single-quoted URL"
  | "style URL"
  | "style block comment"
  | "style line comment"
  /** After `break` or `continue`. */
  | "unreachable"
  | "error";

/** The end of the attribute value. */
export type Delimiter = "none" | "double quote" | "single quote" | "space or end of tag";

export type UrlPart = "start" | "before query" | "query or fragment" | "unknown";

/** The meaning of a slash in a script. */
export type Slash = "regular expression" | "division" | "unknown";

export type Attribute =
  "plain" | "script" | "script type" | "style" | "URL" | "srcset" | "meta content";

/** Elements whose content or attributes have rules of their own. */
export type Element = "other" | "script" | "style" | "textarea" | "title" | "meta";

export interface HtmlContext {
  readonly state: State;
  readonly delimiter: Delimiter;
  readonly urlPart: UrlPart;
  readonly slash: Slash;
  readonly attribute: Attribute;
  readonly element: Element;
  /** Open braces in each `${…}` of the template literals around the place, the innermost last. */
  readonly braces: readonly number[];
  /** Set in the state `error`. */
  readonly problem?: string;
}

export const START: HtmlContext = {
  state: "text",
  delimiter: "none",
  urlPart: "start",
  slash: "regular expression",
  attribute: "plain",
  element: "other",
  braces: [],
};

export const failed = (problem: string): HtmlContext => ({ ...START, state: "error", problem });

/** Text in these states is for authors, not for readers. */
export const isComment = (state: State): boolean => state.includes("comment");

/** Literals of a script, in which `</script>` does not end the element. */
export const isScriptLiteral = (state: State): boolean =>
  state === "script double-quoted" ||
  state === "script single-quoted" ||
  state === "script template" ||
  state === "script expression";

/** A name of the context among all contexts. */
export const contextKey = (context: HtmlContext): string =>
  [
    context.state,
    context.delimiter,
    context.urlPart,
    context.slash,
    context.attribute,
    context.element,
    context.braces.join(","),
    context.problem ?? "",
  ].join(" / ");

export const isSame = (left: HtmlContext, right: HtmlContext): boolean =>
  left === right || contextKey(left) === contextKey(right);

export const VALUE_STATES: Readonly<Record<Attribute, State>> = {
  plain: "attribute",
  script: "script",
  "script type": "attribute",
  style: "style",
  URL: "URL",
  srcset: "srcset",
  "meta content": "meta content",
};

/** The context of an action at this place, before any further character is read. */
export function atAction(context: HtmlContext): HtmlContext {
  const { state, attribute } = context;
  if (state === "tag") return { ...context, state: "attribute name" };
  if (state === "after name") return { ...context, state: "attribute name", attribute: "plain" };
  if (state !== "before value") return context;
  const delimiter = "space or end of tag";
  return { ...context, state: VALUE_STATES[attribute], delimiter, attribute: "plain" };
}

/**
 * The context after a branch of which either side may have run. Sides that differ more than in the
 * part of a URL or in the meaning of a slash are an error.
 *
 * @param branch for the message: `if`, `with`, `range`
 */
export function join(left: HtmlContext, right: HtmlContext, branch: string): HtmlContext {
  if (left.state === "error") return left;
  if (right.state === "error") return right;
  if (left.state === "unreachable") return right;
  if (right.state === "unreachable" || isSame(left, right)) return left;
  if (isSame({ ...left, urlPart: right.urlPart }, right)) return { ...left, urlPart: "unknown" };
  if (isSame({ ...left, slash: right.slash }, right)) return { ...left, slash: "unknown" };
  const [leftAction, rightAction] = [atAction(left), atAction(right)];
  if (!isSame(leftAction, left) || !isSame(rightAction, right)) {
    const joined = join(leftAction, rightAction, branch);
    if (joined.state !== "error") return joined;
  }
  return failed(
    `{{${branch}}} branches end in different contexts: ${describe(left)}, ${describe(right)}`,
  );
}

/** For messages: `URL in double quotes`. */
export function describe({ state, delimiter, element }: HtmlContext): string {
  const place = delimiter === "none" ? "" : ` of an attribute that ends at ${delimiter}`;
  return `${state}${place}${element === "other" ? "" : ` of <${element}>`}`;
}
