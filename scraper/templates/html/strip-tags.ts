import { START, type HtmlContext } from "./context.js";
import { endOfElement, transition, VALUE_ENDS } from "./html-transitions.js";
import { moved, type Step } from "./step.js";

const IN_TAG: ReadonlySet<HtmlContext["state"]> = new Set([
  "tag",
  "attribute name",
  "after name",
  "before value",
  "attribute",
]);

/** The text of a piece of HTML, without tags and comments. */
export function stripTags(html: string): string {
  let output = "";
  let context: HtmlContext = START;
  for (let at = 0; at < html.length;) {
    const rest = html.slice(at);
    const { delimiter } = context;
    if (delimiter !== "none") {
      const end = rest.search(VALUE_ENDS[delimiter]);
      if (end === -1) return output;
      at += delimiter === "space or end of tag" ? end : end + 1;
      context = { ...START, state: "tag", element: context.element };
      continue;
    }
    const step = stepOf(context, rest);
    if (context.state === "text" || context.state === "raw text") {
      output += shownText(rest.slice(0, step.length), step.context.state !== context.state);
    }
    context = step.context;
    at += step.length;
  }
  return output;
}

/** Scripts and styles are not parsed: everything up to their end tag is text. */
function stepOf(context: HtmlContext, rest: string): Step {
  if (context.element === "other" || IN_TAG.has(context.state)) return transition(context, rest);
  const end = endOfElement(context, rest);
  return end === undefined ? moved(context, rest.length) : moved(START, end);
}

const shownText = (text: string, beginsTag: boolean): string =>
  beginsTag && text.includes("<") ? text.slice(0, text.lastIndexOf("<")) : text;
