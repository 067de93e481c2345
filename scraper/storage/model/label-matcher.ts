import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { METRIC_NAME, quoteLabelValue } from "../../../exporter/shared/model/labels.js";
import { RegularExpression } from "../../base/regular-expression.js";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** A condition on one label. A missing label has the empty value. */
export interface LabelMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** Work of one call of `matches`, in comparisons of a text. */
  readonly work: number;
  matches(labelValue: string): boolean;
  /** As PromQL writes it: `job=~"a|b"`. */
  toString(): string;
}

/** @throws {BadInputError} when a regular expression is not RE2 syntax */
export function createLabelMatcher(
  name: string,
  operator: MatchOperator,
  value: string,
): LabelMatcher {
  return {
    name,
    operator,
    value,
    work: workOf(operator, value),
    matches: conditionOf(operator, value),
    toString: () => name + operator + quoteLabelValue(value),
  };
}

type Condition = (labelValue: string) => boolean;

function conditionOf(operator: MatchOperator, value: string): Condition {
  switch (operator) {
    case "=":
      return (candidate) => candidate === value;
    case "!=":
      return (candidate) => candidate !== value;
    case "=~":
      return compileAnchored(value);
    case "!~": {
      const matches = compileAnchored(value);
      return (candidate) => !matches(candidate);
    }
  }
}

/** Alternatives without operators. Escaped punctuation means itself, as in `10\.0\.0\.7:8732`. */
const LITERALS = /^(?:[a-zA-Z0-9_:\-/ ,@%=<>"'#&~`!;|]|\\[.\-/:+*?()[\]{}^$])*$/;
const LITERAL_THEN_ANYTHING = /^([a-zA-Z0-9_:\-/ ]*)\.([*+])$/;

/** The engine follows all alternatives at once, so its work grows with the pattern. */
function workOf(operator: MatchOperator, value: string): number {
  const needsEngine = operator.endsWith("~") && !LITERALS.test(value);
  return needsEngine ? 1 + value.length : 1;
}

/**
 * Compiles an RE2 expression for whole values. Literals, alternations of literals and prefixes are
 * compared without the engine.
 */
function compileAnchored(pattern: string): Condition {
  if (LITERALS.test(pattern)) {
    const plain = pattern.includes("\\") ? pattern.replace(/\\(.)/g, "$1") : pattern;
    const values = new Set(plain.split("|"));
    return (candidate) => values.has(candidate);
  }
  const prefix = LITERAL_THEN_ANYTHING.exec(pattern);
  if (prefix !== null) {
    const [, text = "", repeat] = prefix;
    const minLength = text.length + (repeat === "+" ? 1 : 0);
    return (candidate) => candidate.length >= minLength && candidate.startsWith(text);
  }
  const regex = compileRegex(pattern);
  return (candidate) => regex.matches(candidate);
}

function compileRegex(pattern: string): RegularExpression {
  try {
    return RegularExpression.compileDotAll(pattern);
  } catch (error) {
    throw new BadInputError(`Cannot compile regular expression "${pattern}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The metric name that all wanted series have, if the matchers say it. No target has a label of that name. */
export function wantedName(matchers: readonly LabelMatcher[]): string | undefined {
  for (const { name, operator, value } of matchers)
    if (name === METRIC_NAME && operator === "=" && value !== "") return value;
  return undefined;
}
