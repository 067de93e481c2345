import { RE2JS, type Matcher } from "re2js";

/** One match in a text. It is valid until the next match is looked for. */
export interface RegexMatch {
  /** Index of the first character. */
  readonly start: number;
  /** Index after the last character. */
  readonly end: number;
  /**
   * Text of a group by number or name; empty when there is no such group or it took no part in the
   * match.
   */
  group(group: number | string): string;
}

/**
 * Longest pattern: compiling takes 2 to 25 us per character and cannot pause. Alternatives of plain
 * texts never come here, see `createLabelMatcher`.
 */
export const MAX_PATTERN_CHARACTERS = 16_384;

function requireShort({ length }: string): void {
  if (length > MAX_PATTERN_CHARACTERS)
    throw new RangeError(
      `expression has ${length} characters, at most ${MAX_PATTERN_CHARACTERS} are allowed`,
    );
}

/**
 * A regular expression in RE2 syntax, matched in linear time. The only user of re2js: patterns come
 * from configuration files and queries, and JavaScript's own expressions can take exponential time.
 */
export class RegularExpression {
  private constructor(private readonly regex: RE2JS) {}

  /**
   * A dot does not match a line feed, as in Go, Alertmanager and templates.
   *
   * @throws {Error} with RE2's own message when the syntax is wrong
   */
  static compile(pattern: string): RegularExpression {
    requireShort(pattern);
    return new RegularExpression(RE2JS.compile(pattern));
  }

  /**
   * A dot matches every character. Prometheus compiles label matchers, relabeling and
   * `label_replace` with `(?s:...)`.
   *
   * @throws {Error} with RE2's own message when the syntax is wrong
   */
  static compileDotAll(pattern: string): RegularExpression {
    requireShort(pattern);
    return new RegularExpression(RE2JS.compile(pattern, RE2JS.DOTALL));
  }

  /** Whether it matches the whole text. */
  matches(text: string): boolean {
    return this.regex.matches(text);
  }

  /** Whether it matches any part of the text. */
  matchesPartOf(text: string): boolean {
    return this.regex.matcher(text).find();
  }

  /** The match of the whole text; undefined when it does not match. */
  matchWhole(text: string): RegexMatch | undefined {
    const matcher = this.regex.matcher(text);
    return matcher.matches() ? this.currentMatch(matcher) : undefined;
  }

  /**
   * Matches from left to right, none overlapping another and none empty right after another, as in
   * Go.
   */
  *matchesIn(text: string): Generator<RegexMatch> {
    const matcher = this.regex.matcher(text);
    let lastEnd = -1;
    while (matcher.find()) {
      const match = this.currentMatch(matcher);
      if (match.start === match.end && match.start === lastEnd) continue;
      lastEnd = match.end;
      yield match;
    }
  }

  private currentMatch(matcher: Matcher): RegexMatch {
    const { regex } = this;
    return {
      start: matcher.start(),
      end: matcher.end(),
      group(group) {
        const exists =
          typeof group === "number"
            ? group <= matcher.groupCount()
            : Object.hasOwn(regex.namedGroups(), group);
        return exists ? (matcher.group(group) ?? "") : "";
      },
    };
  }
}
