import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parser as lezerParser } from "@prometheus-io/lezer-promql";
import type { Expression } from "../../../../scraper/promql/language/ast.js";
import { ALL_FEATURES } from "../../../../scraper/promql/language/features.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { messageOf } from "../../../../exporter/shared/model/errors.js";
import { expressionTexts } from "./expression-arbitrary.js";

/** Fixed, so that a failure is found again; change it by hand to look elsewhere. */
const RUNS = { seed: 20260112, numRuns: 1500 };

type SyntaxNode = ReturnType<typeof lezerParser.parse>["topNode"];

function lezerAccepts(text: string): boolean {
  let hasError = false;
  lezerParser.parse(text).iterate({ enter: ({ type }) => void (hasError ||= type.isError) });
  return !hasError;
}

/** Whether our parser finds the grammar obeyed; misuse of types is beyond what lezer looks at. */
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

/** Where lezer-promql differs from Prometheus itself; see DEPENDENCIES.md for those that are not generated here. */
const KNOWN_DIFFERENCES: readonly RegExp[] = [
  /\boffset\b(?!\s+-?\d)/, // It takes no metric called offset.
  /\d\.(?!\d)/, // It refuses a number that ends in a point.
];

const isKnown = (text: string): boolean => KNOWN_DIFFERENCES.some((pattern) => pattern.test(text));

test("Everything generated from the grammar is accepted, by lezer-promql too", () => {
  fc.assert(
    fc.property(fc.oneof(expressionTexts.vector, expressionTexts.scalar), (text) => {
      parseExpression(text, ALL_FEATURES);
      assert.ok(lezerAccepts(text) || isKnown(text), `lezer rejects ${text}`);
    }),
    RUNS,
  );
});

test("A damaged expression is refused exactly when lezer-promql refuses it", () => {
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
        // What is left of a type error or of a refused value is no statement about the grammar.
        assert.throws(() => parseExpression(text, ALL_FEATURES), `lezer rejects ${text}`);
      }
      if (problem !== undefined)
        assert.ok(!lezerAccepts(text), `lezer accepts ${text}: ${problem}`);
    }),
    RUNS,
  );
});

test("Operators nest as in lezer-promql", () => {
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
      const lezerTree = lezerParser.parse(text).topNode.firstChild as SyntaxNode;
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
  if (node.name !== "BinaryExpr") return text.slice(node.from, node.to);
  const left = node.firstChild as SyntaxNode;
  const right = node.lastChild as SyntaxNode;
  const operator = text.slice(left.to, right.from).trim();
  return `(${nestLezer(left, text)} ${operator} ${nestLezer(right, text)})`;
}
