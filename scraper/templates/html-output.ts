import {
  escapeForAttribute,
  escapeForElement,
  escapeForRawText,
  escapeForUrl,
  type UrlPart,
} from "./html-escaping.js";
import { checkLength, type TemplateOutput } from "./output.js";
import { OutputError } from "./template-error.js";
import { SafeHtml } from "./template-values.js";

type State =
  | "text"
  | "comment"
  | "tag"
  | "attribute name"
  | "after name"
  | "before value"
  | "value"
  | "unquoted value";
/** Elements whose content is not markup. */
const SPECIAL_ELEMENTS: ReadonlySet<string> = new Set(["script", "style", "textarea", "title"]);
const ACTIVE_ELEMENTS: ReadonlySet<string> = new Set(["script", "style"]);
type AttributeKind = "plain" | "url" | "script" | "style" | "srcset";

const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  "action",
  "archive",
  "background",
  "cite",
  "classid",
  "codebase",
  "data",
  "formaction",
  "href",
  "icon",
  "longdesc",
  "manifest",
  "poster",
  "profile",
  "src",
  "usemap",
  "xmlns",
]);
const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]*(?:[:-][a-zA-Z0-9]+)*)/y;
const SPACE = /[ \t\n\f\r]*/y;
const ATTRIBUTE_NAME = /[^ \t\n\f\r=>"'<]+/y;
const UNQUOTED = /[^ \t\n\f\r>]+/y;

/**
 * An output that parses the HTML text while it is written, and so knows the context of each action:
 * between tags, in `<title>`, in a quoted attribute, in a URL. An action in any other context
 * (script, style, attribute names, unquoted values) is an error. As in Go, comments are removed.
 */
export class HtmlOutput implements TemplateOutput {
  text = "";
  private state: State = "text";
  /** The special element around the current position, or empty. */
  private element = "";
  /** The special element whose start tag is open, or empty. */
  private openedElement = "";
  private attribute: AttributeKind = "plain";
  private quote = '"';
  private urlPart: UrlPart = "start";

  write(text: string): void {
    for (let at = 0; at < text.length;) at = this.advance(text, at);
    // If an action interrupts an attribute name, the part before it decides the kind of the
    // attribute.
    checkLength(this.text);
  }

  print(value: unknown): void {
    this.text += this.escape(value);
    checkLength(this.text);
  }

  markHtml(value: unknown): unknown {
    return typeof value === "string" ? new SafeHtml(value) : value;
  }

  private escape(value: unknown): string {
    switch (this.state) {
      case "text":
        if (ACTIVE_ELEMENTS.has(this.element)) return this.reject(`inside <${this.element}>`);
        return this.element === "" ? escapeForElement(value) : escapeForRawText(value);
      case "comment":
        return "";
      case "value":
        return this.escapeInAttribute(value);
      case "unquoted value":
      case "before value":
        return this.reject("in an attribute value without quotes");
      case "tag":
      case "attribute name":
      case "after name":
        return this.reject("inside a tag, outside of attribute values");
    }
  }

  private escapeInAttribute(value: unknown): string {
    if (this.attribute === "plain") return escapeForAttribute(value);
    return this.attribute === "url"
      ? escapeForUrl(value, this.urlPart)
      : this.reject(`in a ${this.attribute} attribute`);
  }

  private reject(place: string): never {
    throw new OutputError(
      `an action is ${place}, it must be between tags or in a quoted attribute`,
    );
  }

  private advance(text: string, at: number): number {
    switch (this.state) {
      case "text":
        return this.element === "" ? this.inText(text, at) : this.inSpecialElement(text, at);
      case "comment":
        return this.inComment(text, at);
      case "tag":
        return this.inTag(text, at);
      case "attribute name":
        return this.inAttributeName(text, at);
      case "after name":
        return this.afterName(text, at);
      case "before value":
        return this.beforeValue(text, at);
      case "value":
        return this.inValue(text, at);
      case "unquoted value":
        return this.inUnquotedValue(text, at);
    }
  }

  private inText(text: string, at: number): number {
    const open = text.indexOf("<", at);
    if (open === -1) return this.copy(text, at, text.length);
    this.copy(text, at, open);
    if (text.startsWith("<!--", open)) {
      this.state = "comment";
      return open + 4;
    }
    const tag = matchAt(TAG, text, open);
    if (tag === undefined) {
      // A single "<" is text, except at the start of a document type.
      this.text += /^<!doctype/i.test(text.slice(open, open + 9)) ? "<" : "&lt;";
      return open + 1;
    }
    const [whole, slash, name = ""] = tag;
    const element = name.toLowerCase();
    this.openedElement = slash === "" && SPECIAL_ELEMENTS.has(element) ? element : "";
    this.state = "tag";
    return this.copy(text, open, open + whole.length);
  }

  private inSpecialElement(text: string, at: number): number {
    const end = text.toLowerCase().indexOf(`</${this.element}`, at);
    if (end === -1) return this.copy(text, at, text.length);
    this.copy(text, at, end);
    this.element = "";
    return end;
  }

  private inComment(text: string, at: number): number {
    const end = text.indexOf("-->", at);
    if (end === -1) return text.length;
    this.state = "text";
    return end + 3;
  }

  private inTag(text: string, at: number): number {
    const start = this.copySpace(text, at);
    if (start === text.length) return start;
    if (text[start] === ">") {
      this.state = "text";
      this.element = this.openedElement;
      return this.copy(text, start, start + 1);
    }
    const name = matchAt(ATTRIBUTE_NAME, text, start)?.[0];
    if (name === undefined) {
      throw new OutputError(
        `a tag contains ${JSON.stringify(text[start])}, where an attribute or the end of the tag must be`,
      );
    }
    this.attribute = attributeKind(name.toLowerCase());
    const end = this.copy(text, start, start + name.length);
    this.state = end === text.length ? "attribute name" : "after name";
    return end;
  }

  private inAttributeName(text: string, at: number): number {
    const rest = matchAt(ATTRIBUTE_NAME, text, at)?.[0] ?? "";
    this.state = "after name";
    return this.copy(text, at, at + rest.length);
  }

  private afterName(text: string, at: number): number {
    const start = this.copySpace(text, at);
    if (start === text.length) return start;
    this.state = text[start] === "=" ? "before value" : "tag";
    return this.state === "tag" ? start : this.copy(text, start, start + 1);
  }

  private beforeValue(text: string, at: number): number {
    const start = this.copySpace(text, at);
    const first = text[start];
    if (first === undefined) return start;
    this.urlPart = "start";
    if (first === '"' || first === "'") {
      this.state = "value";
      this.quote = first;
      return this.copy(text, start, start + 1);
    }
    this.state = "unquoted value";
    return start;
  }

  private inValue(text: string, at: number): number {
    const end = text.indexOf(this.quote, at);
    if (end === -1) return this.copyUrl(text, at, text.length);
    this.copyUrl(text, at, end);
    this.state = "tag";
    return this.copy(text, end, end + 1);
  }

  private inUnquotedValue(text: string, at: number): number {
    const value = matchAt(UNQUOTED, text, at)?.[0] ?? "";
    const end = this.copy(text, at, at + value.length);
    if (end < text.length) this.state = "tag";
    return end;
  }

  private copyUrl(text: string, from: number, until: number): number {
    const written = text.slice(from, until).replace(/&#x?[0-9a-f]+;/gi, "_");
    if (/[?#]/.test(written)) this.urlPart = "query";
    else if (this.urlPart === "start" && written.trim() !== "") this.urlPart = "path";
    return this.copy(text, from, until);
  }

  private copySpace(text: string, at: number): number {
    const space = matchAt(SPACE, text, at)?.[0] ?? "";
    return this.copy(text, at, at + space.length);
  }

  private copy(text: string, from: number, until: number): number {
    this.text += text.slice(from, until);
    return until;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** The kind of an attribute, by the names in HTML and, for other names, by their parts. */
function attributeKind(name: string): AttributeKind {
  if (name === "xmlns" || name.startsWith("xmlns:")) return "url";
  const bare = name.startsWith("data-") ? name.slice(5) : name.slice(name.indexOf(":") + 1);
  if (URL_ATTRIBUTES.has(bare)) return "url";
  if (bare === "style") return "style";
  if (bare === "srcset") return "srcset";
  if (bare.startsWith("on") || bare === "srcdoc") return "script";
  return /src|uri|url/.test(bare) ? "url" : "plain";
}
