/**
 * Splits a template into text and the tokens of its actions, as Go's text/template/parse does.
 *
 * The lexer removes comments and applies trim markers (`{{- -}}`). A problem becomes an `error`
 * token at its position, so that the parser reports the first problem of the text.
 */
import { goUnicodeName } from "../base/go-quote.js";

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "identifier"
  | "keyword"
  | "field"
  | "variable"
  | "dot"
  | "nil"
  | "bool"
  | "number"
  | "character"
  | "string"
  | "declare"
  | "assign"
  | "pipe"
  | "left"
  | "right"
  | "comma"
  | "other"
  | "error"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the template, in characters. */
  readonly position: number;
  /** True when there is white space before the token in its action. */
  readonly spaced: boolean;
}

export const KEYWORDS: ReadonlySet<string> = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);

const SPACE = " \t\r\n";
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_.]*(?:[pP][+-]?[0-9_]*)?|[0-9._]+(?:[eEpP][+-]?[0-9_]*)?|0[bBoO][0-9_]*)i?/y;
const BASE_PREFIXED = /[+-]?0[bBoO][0-9_]+/y;
const NAME = /[\p{L}\p{Nd}_]*/uy;
const TERMINATORS = " \t\r\n.,|:)(";
const SIMPLE: Readonly<Record<string, TokenKind>> = {
  "|": "pipe",
  ",": "comma",
  "=": "assign",
  "(": "left",
  ")": "right",
};

export function tokenize(source: string): Token[] {
  return new Lexer(source).run();
}

class Lexer {
  private readonly tokens: Token[] = [];
  private at = 0;
  private openParens = 0;
  private failed = false;

  constructor(private readonly source: string) {}

  run(): Token[] {
    let trimNext = false;
    while (!this.failed) {
      const open = this.source.indexOf("{{", this.at);
      const untilText = open === -1 ? this.source.length : open;
      const trimsBefore = open !== -1 && this.isTrimOpen(open);
      this.addText(this.at, untilText, trimNext, trimsBefore);
      if (open === -1) break;
      this.at = open + 2 + (trimsBefore ? 2 : 0);
      trimNext = this.source.startsWith("/*", this.at) ? this.skipComment() : this.action(open);
    }
    if (!this.failed) this.add("end", this.source.length, this.source.length, false);
    return this.tokens;
  }

  private isTrimOpen(open: number): boolean {
    return this.source[open + 2] === "-" && SPACE.includes(this.source[open + 3] ?? "x");
  }

  private addText(from: number, until: number, trimStart: boolean, trimEnd: boolean): void {
    let start = from;
    let end = until;
    if (trimStart) while (start < end && SPACE.includes(this.source.charAt(start))) start++;
    if (trimEnd) while (end > start && SPACE.includes(this.source.charAt(end - 1))) end--;
    if (end > start) this.add("text", start, end, false);
  }

  private skipComment(): boolean {
    const end = this.source.indexOf("*/", this.at + 2);
    if (end === -1) return this.fail("unclosed comment");
    this.at = end + 2;
    if (this.source.startsWith("}}", this.at)) {
      this.at += 2;
      return false;
    }
    if (this.isTrimClose(this.at)) {
      this.at += 4;
      return true;
    }
    return this.fail("comment ends before closing delimiter");
  }

  /** True at white space, a dash and the closing delimiter. */
  private isTrimClose(at: number): boolean {
    return SPACE.includes(this.source[at] ?? "x") && this.source.startsWith("-}}", at + 1);
  }

  /** @returns whether the action ended with a trim marker */
  private action(open: number): boolean {
    this.add("open", open, open + 2, false);
    this.openParens = 0;
    while (!this.failed) {
      const from = this.at;
      while (SPACE.includes(this.source[this.at] ?? "x") && !this.isTrimClose(this.at)) this.at++;
      const trims = this.isTrimClose(this.at);
      if (trims || this.source.startsWith("}}", this.at)) return this.close(trims);
      if (this.at >= this.source.length) return this.fail("unclosed action");
      this.token(this.at > from);
    }
    return false;
  }

  private close(trims: boolean): boolean {
    if (this.openParens > 0) return this.fail("unclosed left paren");
    this.at += trims ? 4 : 2;
    this.add("close", this.at - 2, this.at, false);
    return trims;
  }

  private token(spaced: boolean): void {
    const start = this.at;
    const character = this.source.charAt(start);
    if (character === '"') return this.quoted(spaced, '"', "string", "unterminated quoted string");
    if (character === "`") return this.rawString(spaced);
    if (character === "'") {
      return this.quoted(spaced, "'", "character", "unterminated character constant");
    }
    if (character === "$") return this.name(spaced, "variable", 1);
    if (character === "." && !/[0-9]/.test(this.source[start + 1] ?? ""))
      return this.fieldOrDot(spaced);
    if (
      /[0-9.]/.test(character) ||
      (/[+-]/.test(character) && /[0-9.]/.test(this.source[start + 1] ?? ""))
    ) {
      return this.number(spaced);
    }
    if (this.source.startsWith(":=", start)) return this.take(spaced, "declare", 2);
    const simple = SIMPLE[character];
    if (simple !== undefined) return this.simple(spaced, simple);
    if (/[\p{L}_]/u.test(character)) return this.word(spaced);
    if (character > " " && character <= "~") return this.take(spaced, "other", 1);
    this.fail(`unrecognized character in action: ${goUnicodeName(character)}`);
  }

  private simple(spaced: boolean, kind: TokenKind): void {
    if (kind === "left") this.openParens++;
    if (kind === "right" && --this.openParens < 0) {
      this.fail("unexpected right paren");
      return;
    }
    this.take(spaced, kind, 1);
  }

  private quoted(spaced: boolean, quote: string, kind: TokenKind, problem: string): void {
    let end = this.at + 1;
    for (;;) {
      const character = this.source[end];
      if (character === undefined || character === "\n") {
        this.fail(problem);
        return;
      }
      if (character === quote) break;
      end += character === "\\" ? 2 : 1;
    }
    this.take(spaced, kind, end + 1 - this.at);
  }

  private rawString(spaced: boolean): void {
    const end = this.source.indexOf("`", this.at + 1);
    if (end === -1) this.fail("unterminated raw quoted string");
    else this.take(spaced, "string", end + 1 - this.at);
  }

  private fieldOrDot(spaced: boolean): void {
    if (this.nameLength(this.at + 1) === 0) {
      this.take(spaced, "dot", 1);
      return;
    }
    this.name(spaced, "field", 1);
  }

  private word(spaced: boolean): void {
    const word = this.source.slice(this.at, this.at + this.nameLength(this.at));
    const constant =
      word === "true" || word === "false" ? "bool" : word === "nil" ? "nil" : "identifier";
    this.name(spaced, KEYWORDS.has(word) ? "keyword" : constant, 0);
  }

  private name(spaced: boolean, kind: TokenKind, prefix: number): void {
    const length = prefix + this.nameLength(this.at + prefix);
    const next = this.source[this.at + length];
    if (
      next !== undefined &&
      !TERMINATORS.includes(next) &&
      !this.source.startsWith("}}", this.at + length)
    ) {
      this.at += length;
      this.fail(`bad character ${goUnicodeName(next)}`);
      return;
    }
    this.take(spaced, kind, length);
  }

  private nameLength(from: number): number {
    NAME.lastIndex = from;
    return NAME.exec(this.source)?.[0].length ?? 0;
  }

  private number(spaced: boolean): void {
    const text = [BASE_PREFIXED, NUMBER].map((pattern) => {
      pattern.lastIndex = this.at;
      return pattern.exec(this.source)?.[0] ?? "";
    });
    const longest = text.reduce((best, candidate) =>
      candidate.length > best.length ? candidate : best,
    );
    NAME.lastIndex = this.at + longest.length;
    const tail = NAME.exec(this.source)?.[0] ?? "";
    if (tail !== "") this.fail(`bad number syntax: ${JSON.stringify(longest + tail)}`);
    else this.take(spaced, "number", longest.length);
  }

  private take(spaced: boolean, kind: TokenKind, length: number): void {
    this.add(kind, this.at, this.at + length, spaced);
    this.at += length;
  }

  private add(kind: TokenKind, from: number, until: number, spaced: boolean): void {
    this.tokens.push({ kind, text: this.source.slice(from, until), position: from, spaced });
  }

  private fail(problem: string): false {
    this.tokens.push({
      kind: "error",
      text: problem,
      position: Math.min(this.at, this.source.length),
      spaced: false,
    });
    this.failed = true;
    return false;
  }
}
