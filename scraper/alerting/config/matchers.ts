import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { quoteLabelValue, type Labels } from "../../../exporter/shared/model/labels.js";
import { RegularExpression } from "../../base/regular-expression.js";

/** A condition on one label of an alert, as in Alertmanager's API and configuration. */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  /** False for `!=` and `!~`. */
  readonly isEqual: boolean;
  /** A missing label has the empty value. */
  matches(labelValue: string): boolean;
  /** `name="value"` with the operator, as `parseMatcher` reads it. */
  toString(): string;
}

export interface MatcherParts {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

export const MAX_MATCHER_CHARACTERS = 4096;
const MAX_MATCHERS = 100;

/**
 * @throws {BadInputError} when the name is not a label name or a regular expression is not valid
 * RE2 syntax
 */
export function createMatcher(parts: MatcherParts): Matcher {
  const { name, value, isRegex, isEqual } = parts;
  if (!LABEL_NAME.test(name))
    throw new BadInputError(`Cannot match label "${name}": it must be a label name`);
  if (value.length > MAX_MATCHER_CHARACTERS) {
    const detail = `the value is longer than ${MAX_MATCHER_CHARACTERS} characters`;
    throw new BadInputError(`Cannot match label "${name}": ${detail}`);
  }
  const hits = isRegex
    ? compileAnchored(value)
    : (candidate: string): boolean => candidate === value;
  const operator = isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=";
  const matches = (candidate: string): boolean => hits(candidate) === isEqual;
  return {
    name,
    value,
    isRegex,
    isEqual,
    matches,
    toString: () => name + operator + quoteLabelValue(value),
  };
}

/** True when every matcher matches; an empty list matches everything. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const MATCHER = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*([\s\S]*?)\s*$/;

/**
 * Reads one matcher: `severity="critical"`, `instance=~web.+` (quotes may be left out).
 *
 * @throws {BadInputError} when the text is not a matcher
 */
export function parseMatcher(text: string): Matcher {
  const match = MATCHER.exec(text);
  if (match === null) {
    throw new BadInputError(
      `Cannot read matcher "${text}": bad matcher format, it must be like name="value"`,
    );
  }
  const [, name = "", operator = "", raw = ""] = match;
  const value = unquote(raw, text);
  return createMatcher({
    name,
    value,
    isRegex: operator.endsWith("~"),
    isEqual: !operator.startsWith("!"),
  });
}

/**
 * Reads a list of matchers separated by commas, with or without braces: `{foo="bar", baz=~"x|y"}`.
 *
 * @throws {BadInputError} when a part is not a matcher
 */
export function parseMatchers(text: string): Matcher[] {
  const trimmed = text.trim();
  const inner = trimmed.startsWith("{") && trimmed.endsWith("}") ? trimmed.slice(1, -1) : trimmed;
  const parts = splitOutsideQuotes(inner);
  if (parts.at(-1)?.trim() === "") parts.pop(); // A trailing comma is allowed.
  if (parts.length > MAX_MATCHERS)
    throw new BadInputError(`Cannot read matchers: there are more than ${MAX_MATCHERS}`);
  return parts.map(parseMatcher);
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (isQuoted && character === "\\") index++;
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
function unquote(raw: string, matcher: string): string {
  const isQuoted = raw.startsWith('"');
  if (isQuoted && !/^"(?:[^"\\]|\\[\s\S])*"$/.test(raw)) {
    throw new BadInputError(
      `Cannot read matcher "${matcher}": the value must end with the quote it starts with`,
    );
  }
  const body = isQuoted ? raw.slice(1, -1) : raw;
  if (!isQuoted && /(?<!\\)"/.test(body)) {
    throw new BadInputError(
      `Cannot read matcher "${matcher}": a quote inside the value must be written \\"`,
    );
  }
  return body.replace(/\\([n"\\])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function compileAnchored(pattern: string): (value: string) => boolean {
  try {
    const regex = RegularExpression.compile(pattern);
    return (value) => regex.matches(value);
  } catch (error) {
    throw new BadInputError(`Cannot compile regular expression "${pattern}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}
