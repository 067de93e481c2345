import type { Cardinality, VectorMatching } from "./ast.js";
import { readGroupingLabels } from "./parser-calls.js";
import { readNumber } from "./parser-durations.js";
import type { TokenStream } from "./token-stream.js";
import { isSetOperator, type BinaryOperator } from "./tokens.js";

interface BinaryModifiers {
  readonly returnsBool: boolean;
  readonly matching: VectorMatching;
}

/**
 * Reads the modifiers between an operator and its right side: `bool`, `on`, `ignoring`,
 * `group_left`, `fill`, …
 */
export function readBinaryModifiers(
  tokens: TokenStream,
  operator: BinaryOperator,
): BinaryModifiers {
  const returnsBool = tokens.takeIf("bool") !== undefined;
  const matchingWord = tokens.takeOneOf("on", "ignoring");
  const labels = matchingWord === undefined ? [] : readGroupingLabels(tokens);
  let cardinality: Cardinality = isSetOperator(operator) ? "many-to-many" : "one-to-one";
  let include: readonly string[] = [];
  if (matchingWord !== undefined) {
    const groupWord = tokens.takeOneOf("group_left", "group_right");
    if (groupWord !== undefined) {
      cardinality = groupWord.value === "group_left" ? "many-to-one" : "one-to-many";
      if (tokens.nextIs("(")) include = readGroupingLabels(tokens);
    }
  }
  const matching = {
    cardinality,
    on: matchingWord?.value === "on",
    labels,
    include,
    ...readFillValues(tokens),
  };
  return { returnsBool, matching };
}

function readFillValues(tokens: TokenStream): Pick<VectorMatching, "fillLeft" | "fillRight"> {
  if (tokens.takeIf("fill") !== undefined) {
    const value = readFillValue(tokens);
    return { fillLeft: value, fillRight: value };
  }
  const values: { fillLeft?: number; fillRight?: number } = {};
  for (;;) {
    if (values.fillLeft === undefined && tokens.takeIf("fill_left") !== undefined) {
      values.fillLeft = readFillValue(tokens);
    } else if (values.fillRight === undefined && tokens.takeIf("fill_right") !== undefined) {
      values.fillRight = readFillValue(tokens);
    } else {
      return values;
    }
  }
}

function readFillValue(tokens: TokenStream): number {
  tokens.expect("(");
  const sign = tokens.takeOneOf("-", "+");
  const { value } = readNumber(tokens);
  tokens.expect(")");
  return sign?.value === "-" ? -value : value;
}
