import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { quoteLabelValue, type Labels } from "../../../exporter/shared/model/labels.js";
import { RegularExpression } from "../../base/regular-expression.js";
import {
  isBareName,
  readClassicMatcher,
  readClassicMatchers,
  readUtf8Matcher,
  readUtf8Matchers,
  type MatcherParts,
} from "./matcher-notation.js";

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

export const MAX_MATCHER_CHARACTERS = 4096;
const MAX_MATCHERS = 100;

/**
 * @throws {BadInputError} when a part is too long or a regular expression is not valid RE2 syntax
 */
export function createMatcher(parts: MatcherParts): Matcher {
  const { name, value, isRegex, isEqual } = parts;
  if (Math.max(name.length, value.length) > MAX_MATCHER_CHARACTERS) {
    const detail = `name or value is longer than ${MAX_MATCHER_CHARACTERS} characters`;
    throw new BadInputError(`Cannot match label "${name.slice(0, 100)}": ${detail}`);
  }
  const hits = isRegex
    ? compileAnchored(value)
    : (candidate: string): boolean => candidate === value;
  const operator = isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=";
  const matches = (candidate: string): boolean => hits(candidate) === isEqual;
  const shownName = isBareName(name) ? name : quoteLabelValue(name);
  return {
    name,
    value,
    isRegex,
    isEqual,
    matches,
    toString: () => shownName + operator + quoteLabelValue(value),
  };
}

/** True when every matcher matches; an empty list matches everything. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
}

/**
 * Reads one matcher: `severity="critical"`, `instance=~web.+` (quotes may be left out). As in
 * Alertmanager, a text in the older notation means what it meant there; otherwise the notation with
 * UTF-8 names counts.
 *
 * @throws {BadInputError} when the text is a matcher in neither notation
 */
export function parseMatcher(text: string): Matcher {
  if (text.startsWith("{") || text.endsWith("}")) {
    throw new BadInputError(`Cannot read matcher "${text}": it must not be in braces`);
  }
  const problems: unknown[] = [];
  for (const read of [readClassicMatcher, readUtf8Matcher]) {
    try {
      return createMatcher(read(text));
    } catch (error) {
      problems.push(error);
    }
  }
  throw problems[0];
}

/**
 * Reads a list of matchers separated by commas, with or without braces: `{foo="bar", baz=~"x|y"}`.
 *
 * @throws {BadInputError} when a part is not a matcher
 */
export function parseMatchers(text: string): Matcher[] {
  const problems: unknown[] = [];
  for (const read of [readClassicMatchers, readUtf8Matchers]) {
    try {
      const parts = read(text);
      if (parts.length > MAX_MATCHERS)
        throw new BadInputError(`Cannot read matchers: there are more than ${MAX_MATCHERS}`);
      return parts.map(createMatcher);
    } catch (error) {
      problems.push(error);
    }
  }
  throw problems[0];
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
