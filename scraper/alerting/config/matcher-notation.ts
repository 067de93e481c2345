/**
 * The two notations of matchers in Alertmanager. The classic one takes names of letters, digits, `_`
 * and `:`, and nearly any text as a value. The newer one takes any UTF-8 text as a name or value, in
 * quotes where it has reserved characters.
 */
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { goUnquote } from "../../base/go-string.js";

export interface MatcherParts {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  /** False for `!=` and `!~`. */
  readonly isEqual: boolean;
}

const CLASSIC = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*([\s\S]*?)\s*$/;

/** @throws {BadInputError} */
export function readClassicMatcher(text: string): MatcherParts {
  const [, name, operator = "", raw = ""] = CLASSIC.exec(text) ?? [];
  if (name === undefined) throw badFormat(text);
  return partsOf(name, operator, unquoteClassic(raw, text));
}

/** @throws {BadInputError} */
export function readClassicMatchers(text: string): MatcherParts[] {
  const parts = splitOutsideQuotes(text.replace(/^\{/, "").replace(/\}$/, ""));
  if (parts.at(-1) === "") parts.pop(); // No matcher at all, or a trailing comma.
  return parts.map(readClassicMatcher);
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/**
 * `\n`, `\"` and `\\` are escapes inside and outside quotes. Any other backslash stands for itself.
 */
function unquoteClassic(raw: string, matcher: string): string {
  const isQuoted = raw.startsWith('"');
  const body = isQuoted ? raw.slice(1) : raw;
  const [inner = ""] = /^(?:[^"\\]|\\[\s\S]|\\$)*/.exec(body) ?? [];
  if (inner.length + (isQuoted ? 1 : 0) !== body.length) {
    throw new BadInputError(
      `Cannot read matcher "${matcher}": the value must end with the quote it starts with, a quote inside must be \\"`,
    );
  }
  return inner.replace(/\\([n"\\])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

const RESERVED = "{}!=~,\\\\\"'`";
const TOKEN = new RegExp(
  `\\s*(?:(=~|!~|!=|=)|([{},])|("(?:[^"\\\\]|\\\\.)*")|([^\\s${RESERVED}]+))`,
  "uy",
);

/** Whether a name needs no quotes. */
export const isBareName = (name: string): boolean =>
  name !== "" && !new RegExp(`[\\s${RESERVED}]`, "u").test(name);

/** @throws {BadInputError} */
export function readUtf8Matcher(text: string): MatcherParts {
  const tokens = new Tokens(text);
  const matcher = tokens.matcher();
  tokens.expectEnd();
  return matcher;
}

/** @throws {BadInputError} */
export function readUtf8Matchers(text: string): MatcherParts[] {
  const tokens = new Tokens(text);
  const isBraced = tokens.take("{");
  const matchers: MatcherParts[] = [];
  while (!tokens.isAtEnd && !tokens.isNext("}")) {
    matchers.push(tokens.matcher());
    if (!tokens.take(",")) break;
  }
  if (isBraced && !tokens.take("}")) throw badFormat(text);
  tokens.expectEnd();
  return matchers;
}

interface Token {
  readonly kind: "operator" | "mark" | "text";
  readonly value: string;
}

class Tokens {
  private readonly tokens: readonly Token[];
  private next = 0;

  constructor(private readonly text: string) {
    this.tokens = this.split();
  }

  get isAtEnd(): boolean {
    return this.next >= this.tokens.length;
  }

  isNext(mark: string): boolean {
    const token = this.tokens[this.next];
    return token?.kind === "mark" && token.value === mark;
  }

  take(mark: string): boolean {
    const isNext = this.isNext(mark);
    if (isNext) this.next++;
    return isNext;
  }

  matcher(): MatcherParts {
    const [name, operator, value] = [
      this.tokens[this.next],
      this.tokens[this.next + 1],
      this.tokens[this.next + 2],
    ];
    if (name?.kind !== "text" || operator?.kind !== "operator" || value?.kind !== "text") {
      throw badFormat(this.text);
    }
    this.next += 3;
    return partsOf(name.value, operator.value, value.value);
  }

  expectEnd(): void {
    if (!this.isAtEnd) throw badFormat(this.text);
  }

  private split(): Token[] {
    const tokens: Token[] = [];
    const text = this.text.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length;) {
      const match = TOKEN.exec(text);
      if (match === null) throw badFormat(this.text);
      const [, operator, mark, quoted, bare] = match;
      if (operator !== undefined) tokens.push({ kind: "operator", value: operator });
      else if (mark !== undefined) tokens.push({ kind: "mark", value: mark });
      else tokens.push({ kind: "text", value: bare ?? this.unquote(quoted ?? "") });
    }
    return tokens;
  }

  private unquote(quoted: string): string {
    const text = goUnquote(quoted);
    if (text === undefined) throw badFormat(this.text);
    return text;
  }
}

const partsOf = (name: string, operator: string, value: string): MatcherParts => ({
  name,
  value,
  isRegex: operator.endsWith("~"),
  isEqual: !operator.startsWith("!"),
});

const badFormat = (text: string): BadInputError =>
  new BadInputError(
    `Cannot read matcher "${text}": bad matcher format, it must be like name="value"`,
  );
