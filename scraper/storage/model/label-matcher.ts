import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { quoteLabelValue } from "../../../exporter/shared/model/labels.js";
import { RegularExpression } from "../../base/regular-expression.js";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** A condition on one label; a label that is missing has the empty value. */
export interface LabelMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  matches(labelValue: string): boolean;
  /** The only values that can match, when they are known (`=`, `=~"a|b"`). For index look-ups. */
  readonly candidates: readonly string[] | undefined;
  /** As PromQL writes it: `job=~"a|b"`. */
  toString(): string;
}

/** @throws {BadInputError} when a regular expression is not RE2 syntax */
export function createLabelMatcher(
  name: string,
  operator: MatchOperator,
  value: string,
): LabelMatcher {
  const { test, candidates } = conditionOf(operator, value);
  return {
    name,
    operator,
    value,
    matches: test,
    candidates,
    toString: () => name + operator + quoteLabelValue(value),
  };
}

type Condition = Pick<LabelMatcher, "candidates"> & { readonly test: (value: string) => boolean };

function conditionOf(operator: MatchOperator, value: string): Condition {
  switch (operator) {
    case "=":
      return { test: (candidate) => candidate === value, candidates: [value] };
    case "!=":
      return { test: (candidate) => candidate !== value, candidates: undefined };
    case "=~":
      return compileAnchored(value);
    case "!~": {
      const { test } = compileAnchored(value);
      return { test: (candidate) => !test(candidate), candidates: undefined };
    }
  }
}

const LITERAL = /^[a-zA-Z0-9_:\-/ ,@%=<>"'#&~`!;]*$/;
const LITERAL_THEN_ANYTHING = /^([a-zA-Z0-9_:\-/ ]*)\.([*+])$/;

/** Compiles a whole-value RE2 expression; literals, alternations of literals and prefixes never reach the engine. */
function compileAnchored(pattern: string): Condition {
  const alternatives = pattern.split("|");
  if (alternatives.every((alternative) => LITERAL.test(alternative))) {
    const values = new Set(alternatives);
    return { test: (candidate) => values.has(candidate), candidates: [...values] };
  }
  const prefix = LITERAL_THEN_ANYTHING.exec(pattern);
  if (prefix !== null) {
    const [, text = "", repeat] = prefix;
    const minLength = text.length + (repeat === "+" ? 1 : 0);
    return {
      test: (value) => value.length >= minLength && value.startsWith(text),
      candidates: undefined,
    };
  }
  const regex = compileRegex(pattern);
  return { test: (candidate) => regex.matches(candidate), candidates: undefined };
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
