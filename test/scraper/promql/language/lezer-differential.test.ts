import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parser as lezerParser } from "@prometheus-io/lezer-promql";
import type { Expression } from "../../../../scraper/promql/language/ast.js";
import { ALL_FEATURES } from "../../../../scraper/promql/language/features.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { messageOf } from "../../../../exporter/shared/model/errors.js";
import { present } from "../../../../exporter/shared/model/get-or-throw.js";
import { expressionTexts } from "./expression-arbitrary.js";

/** A fixed seed makes failures reproducible; change it by hand to test other expressions. */
const RUNS = { seed: 20260112, numRuns: 1500 };

type SyntaxNode = ReturnType<typeof lezerParser.parse>["topNode"];

function lezerAccepts(text: string): boolean {
  let hasError = false;
  lezerParser.parse(text).iterate({ enter: ({ type }) => void (hasError ||= type.isError) });
  return !hasError;
}

/**
 * The syntax error of our parser, if any. Type errors are left out, since lezer does not check
 * types.
 */
function ourSyntaxProblem(text: string): string | undefined {
  try {
    parseExpression(text, ALL_FEATURES);
    return undefined;
  } catch (error) {
    const message = messageOf(error);
    return /parse error: (unexpected|unclosed|unterminated|bad number)/.test(message)
      ? message
      : undefined;
  }
}

/**
 * Where lezer-promql differs from Prometheus itself; docs/decisions/0013-own-promql.md names
 * further differences.
 */
const KNOWN_DIFFERENCES: readonly RegExp[] = [
  /\boffset\b(?!\s+-?\d)/, // It rejects a metric named offset.
  /\d\.(?!\d)/, // It rejects a number that ends with a point.
];

const isKnown = (text: string): boolean => KNOWN_DIFFERENCES.some((pattern) => pattern.test(text));

test("Our parser and lezer-promql accept every expression generated from the grammar", () => {
  fc.assert(
    fc.property(fc.oneof(expressionTexts.vector, expressionTexts.scalar), (text) => {
      parseExpression(text, ALL_FEATURES);
      assert.ok(lezerAccepts(text) || isKnown(text), `lezer rejects ${text}`);
    }),
    RUNS,
  );
});

test("Our parser rejects a damaged expression exactly when lezer-promql does", () => {
  const damaged = fc
    .tuple(
      expressionTexts.vector,
      fc.nat(),
      fc.constantFrom("", ")", "(", ",", " 5m ", "]", "{", "=", " by ", " x "),
    )
    .map(([text, position, insert]) => {
      const at = position % (text.length + 1);
      return text.slice(0, at) + insert + text.slice(insert === "" ? at + 1 : at);
    });
  fc.assert(
    fc.property(damaged, (text) => {
      if (isKnown(text)) return;
      const problem = ourSyntaxProblem(text);
      if (problem === undefined && !lezerAccepts(text)) {
        // Our parser found a type error or an invalid value, and stopped before the syntax error.
        assert.throws(() => parseExpression(text, ALL_FEATURES), `lezer rejects ${text}`);
      }
      if (problem !== undefined)
        assert.ok(!lezerAccepts(text), `lezer accepts ${text}: ${problem}`);
    }),
    RUNS,
  );
});

test("Operators have the same precedence and associativity as in lezer-promql", () => {
  const operand = fc.constantFrom("a", "b", "c");
  const operator = fc.constantFrom(
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "atan2",
    "==",
    ">",
    "</",
    "and",
    "or",
    "unless",
  );
  const chain = fc.array(fc.tuple(operator, operand), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(operand, chain, (first, rest) => {
      const text = [first, ...rest.flat()].join(" ");
      const lezerTree = present(
        lezerParser.parse(text).topNode.firstChild ?? undefined,
        "The tree",
      );
      assert.equal(nestOurs(parseExpression(text, ALL_FEATURES)), nestLezer(lezerTree, text));
    }),
    RUNS,
  );
});

function nestOurs(expression: Expression): string {
  if (expression.kind !== "binary")
    return expression.kind === "vector_selector" ? expression.name : "?";
  return `(${nestOurs(expression.left)} ${expression.operator} ${nestOurs(expression.right)})`;
}

function nestLezer(node: SyntaxNode, text: string): string {
  const { firstChild: left, lastChild: right } = node;
  if (node.name !== "BinaryExpr" || left === null || right === null)
    return text.slice(node.from, node.to);
  const operator = text.slice(left.to, right.from).trim();
  return `(${nestLezer(left, text)} ${operator} ${nestLezer(right, text)})`;
}
