import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { resultTypeOf, type Expression } from "../../../../scraper/promql/language/ast.js";
import { expressionToJson } from "../../../../scraper/promql/language/expression-json.js";
import { ALL_FEATURES } from "../../../../scraper/promql/language/features.js";
import { formatExpression } from "../../../../scraper/promql/language/format-expression.js";
import { parseExpression, parseSelector } from "../../../../scraper/promql/language/parser.js";
import { printExpression } from "../../../../scraper/promql/language/print-expression.js";
import { QueryParseError } from "../../../../scraper/promql/language/query-errors.js";
import { expressionTexts } from "./expression-arbitrary.js";

const noStartTimestamps = "start timestamps of samples are not stored";
const durations = "number, duration, step(), or range()";
const functionsFlag = "--enable-feature=promql-experimental-functions";
const unaryTypes = "expressions of type scalar or instant vector";
const offsetTarget =
  "must be preceded by an instant vector selector or range vector selector or a subquery";

for (const [text, message] of [
  ["", "unknown position: parse error: no expression found in input"],
  ["# nothing", "1:1: parse error: no expression found in input"],
  ["foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"],
  ["1 ~ 2", "1:3: parse error: unexpected character: '~'"],
  ["a\n  ! b", "2:3: parse error: unexpected character after '!': ' '"],
  ['"é" $', "1:6: parse error: unexpected character: '$'"],
  ["foo bar", '1:5: parse error: unexpected identifier "bar"'],
  ["(1", "1:3: parse error: unclosed left parenthesis"],
  ["1)", "1:3: parse error: unexpected right parenthesis ')'"],
  ["foo{", "1:5: parse error: unexpected end of input inside braces"],
  ["foo{a=1}", "1:7: parse error: unexpected character inside braces: '1'"],
  ['foo{a>"b"}', "1:6: parse error: unexpected character inside braces: '>'"],
  [
    'foo{a,b="c"}',
    '1:6: parse error: unexpected "," in label matching, expected label matching operator',
  ],
  [
    'foo{a="b" c="d"}',
    '1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}"',
  ],
  [
    'foo{a="b", ,}',
    '1:12: parse error: unexpected "," in label matching, expected identifier or "}"',
  ],
  ["foo{a=}", '1:7: parse error: unexpected "}" in label matching, expected string'],
  ["{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"],
  ['{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"],
  ['foo{__name__="bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'],
  [
    "foo[]",
    `1:5: parse error: unexpected "]" in subquery or range selector, expected ${durations}`,
  ],
  ["foo[5m", "1:7: parse error: unclosed left bracket"],
  ["foo[5m1]", '1:5: parse error: bad number or duration syntax: "5m1"'],
  ["foo[5mm]", '1:5: parse error: bad number or duration syntax: "5mm"'],
  ["foo[5m1h]", '1:5: parse error: not a valid duration string: "5m1h"'],
  ["foo[0s]", "1:5: parse error: duration must be greater than 0"],
  ["foo[5m:10s:20s]", "1:11: parse error: unexpected colon ':'"],
  [
    "foo[5m 1]",
    '1:8: parse error: unexpected number "1" in subquery or range, expected ":" or "]"',
  ],
  [
    'foo[5m "+" 1m]',
    '1:8: parse error: unexpected string "\\"+\\"" in subquery or range, expected ":" or "]"',
  ],
  ["foo offset 1m[5m]", "1:14: parse error: no offset modifiers allowed before range"],
  ["foo @ 1 [5m]", "1:9: parse error: no @ modifiers allowed before range"],
  ["sum(foo)[5m]", "1:9: parse error: ranges only allowed for vector selectors"],
  ["1 offset 5m", `1:1: parse error: offset modifier ${offsetTarget}`],
  ["sum(x) @ 1", `1:1: parse error: @ modifier ${offsetTarget}`],
  ["x offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"],
  ["x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"],
  ["x @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"],
  ["x offset y", `1:10: parse error: unexpected identifier "y" in offset, expected ${durations}`],
  [
    "start_timestamp(x)",
    `1:1: parse error: function "start_timestamp" is not supported: ${noStartTimestamps}`,
  ],
  ["x anchored", "1:1: parse error: anchored modifier is experimental and not enabled"],
  ["nope(x)", '1:1: parse error: unknown function with name "nope"'],
  ["holt_winters(x[5m], 0, 0)", '1:1: parse error: unknown function with name "holt_winters"'],
  ["mad_over_time(x[5m])", '1:1: parse error: function "mad_over_time" is not enabled'],
  [
    "limitk(1, x)",
    `1:1: parse error: limitk() is experimental and must be enabled with ${functionsFlag}`,
  ],
  ["x + fill(1) y", "1:1: parse error: binop fill modifiers are experimental and not enabled"],
  ["abs(x,)", "1:6: parse error: trailing commas not allowed in function call args"],
  ["abs()", '1:1: parse error: expected 1 argument(s) in call to "abs", got 0'],
  ["round(x, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3'],
  [
    "label_join(x)",
    '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1',
  ],
  [
    "rate(x)",
    '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
  ],
  ["sum()", "1:1: parse error: no arguments for aggregate expression provided"],
  [
    "topk(x)",
    "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
  ],
  [
    "sum(x[5m])",
    "1:5: parse error: expected type instant vector in aggregation expression, got range vector",
  ],
  [
    "topk(x, y)",
    "1:6: parse error: expected type scalar in aggregation parameter, got instant vector",
  ],
  ["sum(x +)", '1:8: parse error: unexpected ")" in aggregation'],
  ["sum by x (y)", '1:8: parse error: unexpected identifier "x" in grouping opts, expected "("'],
  ["sum by (1) (y)", '1:9: parse error: unexpected number "1" in grouping opts, expected label'],
  [
    "sum by (a b) (y)",
    '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"',
  ],
  ["1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"],
  ["x + bool y", "1:3: parse error: bool modifier can only be used on comparison operators"],
  ["1 and x", '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
  ["1 + on (a) x", "1:1: parse error: vector matching only allowed between instant vectors"],
  ["x and on (a) group_left () y", '1:1: parse error: no grouping allowed for "and" operation'],
  [
    "x + on (a) group_left (a) y",
    '1:3: parse error: label "a" must not occur in ON and GROUP clause at once',
  ],
  ["x + group_left () y", "1:5: parse error: unexpected <group_left>"],
  [
    '"a" + 1',
    "1:1: parse error: binary expression must contain only scalar and instant vector types",
  ],
  ['-"a"', `1:1: parse error: unary expression only allowed on ${unaryTypes}, got "string"`],
  ["1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"],
  ["x =~ 1", "1:3: parse error: unexpected character after '=': '~'"],
  ['"\\q"', "1:1: parse error: unknown escape sequence U+0071 'q'"],
  ['"abc', "1:1: parse error: unterminated quoted string"],
  ["1.5.2", '1:1: parse error: bad number or duration syntax: "1.5."'],
] as const) {
  test(`An invalid expression fails with the position and message of Prometheus: ${text}`, () => {
    assert.throws(
      () => parseExpression(text),
      (error) => {
        assert.ok(error instanceof QueryParseError);
        assert.equal(error.message, message);
        return true;
      },
    );
  });
}

for (const [name, text] of [
  ["ten thousand parentheses", "(".repeat(10_000) + "1" + ")".repeat(10_000)],
  ["ten thousand signs", "-".repeat(10_000) + "1"],
  ["ten thousand operators", "1" + "+1".repeat(10_000)],
  ["ten thousand powers", "1" + "^1".repeat(10_000)],
  ["a megabyte", "a".repeat(1024 * 1024)],
  ["many nested calls", "abs(".repeat(5000) + "x" + ")".repeat(5000)],
  ["many nested brackets", "x" + "[5m:]".repeat(5000)],
  ["nested duration parentheses", `x[${"(".repeat(10_000)}5m${")".repeat(10_000)}]`],
] as const) {
  test(`An excessively long or nested expression is a parse error: ${name}`, () => {
    assert.throws(() => parseExpression(text, ALL_FEATURES), QueryParseError);
  });
}

for (const [text, printed] of [
  ["-2^2", "-2 ^ 2"],
  ["1 - 2 - 3", "1 - 2 - 3"],
  ["SUM(x) BY (a, `b c`)", 'sum by (a, "b c") (x)'],
  ["sum without() (x)", "sum without () (x)"],
  ['{__name__="x",b="c",a!~"d.*"}', '{__name__="x",a!~"d.*",b="c"}'],
  ["x{b='c', a=\"d\"}[90] offset 3600 @ 1.5", 'x{a="d",b="c"}[1m30s] @ 1.500 offset 1h'],
  ["x offset -1d", "x offset -1d"],
  ["rate(x[5m])[1h:] @ end()", "rate(x[5m])[1h:] @ end()"],
  ["a > bool on(x) group_left(y) b", "a > bool on (x) group_left (y) b"],
  ["a + ignoring() b", "a + b"],
  ["a / fill(0) b", "a / fill (0) b"],
  ["a / fill_right(2) b", "a / fill_right (2) b"],
  ["1e3 + .5 + Inf + 5m", "1000 + 0.5 + +Inf + 5m"],
  ["x[5m] offset 1m smoothed", "x[5m] smoothed offset 1m"],
  ["x anchored @ 1", "x @ 1.000 anchored"],
  ["x[(5m)]", "x[(5m)]"],
  ["x[1m+step()*2]", "x[1m + step() * 2]"],
  ["'a\\'b\"'", '"a\'b\\""'],
  ["topk(5, (x))", "topk(5, (x))"],
] as const) {
  test(`An expression is printed as Prometheus prints it: ${text}`, () => {
    assert.equal(printExpression(parseExpression(text, ALL_FEATURES)), printed);
  });
}

test("Printing and formatting an expression keeps its meaning", () => {
  const seeded = { seed: 5, numRuns: 1000 };
  fc.assert(
    fc.property(expressionTexts.vector, (text) => {
      // Inf ^ 2 is printed as +Inf ^ 2, where the sign applies to the power.
      if (text.includes("Inf")) return;
      const parse = (source: string): Expression => parseExpression(source, ALL_FEATURES);
      const printed = printExpression(parse(text));
      assert.equal(printExpression(parse(printed)), printed);
      assert.equal(printExpression(parse(formatExpression(parse(text)))), printed);
    }),
    seeded,
  );
});

test("A long expression is formatted in several indented lines", () => {
  const text =
    'sum by (instance) (rate(http_requests_total{job="api-server",code=~"5.."}[5m])) / on (instance) ' +
    'sum by (instance) (rate(http_requests_total{job="api-server"}[5m])) > 0.05';
  assert.equal(
    formatExpression(parseExpression(text)),
    [
      '    sum by (instance) (rate(http_requests_total{code=~"5..",job="api-server"}[5m]))',
      "  / on (instance)",
      '    sum by (instance) (rate(http_requests_total{job="api-server"}[5m]))',
      ">",
      "  0.05",
    ].join("\n"),
  );
});

test("The result type of an expression is known before its evaluation", () => {
  const types = [
    "1",
    '"a"',
    "x",
    "x[5m]",
    "x[5m:]",
    "1 + x",
    "1 + 1",
    "time()",
    "-x",
    "(rate(x[5m]))",
  ].map((text) => resultTypeOf(parseExpression(text)));
  assert.deepEqual(types, [
    "scalar",
    "string",
    "vector",
    "matrix",
    "matrix",
    "vector",
    "scalar",
    "scalar",
    "vector",
    "vector",
  ]);
});

test("parse_query returns the same tree as Prometheus", () => {
  assert.deepEqual(expressionToJson(parseExpression('topk(1, x{a="b"} offset 5m > bool 2)')), {
    type: "aggregation",
    op: "topk",
    param: { type: "numberLiteral", val: "1" },
    grouping: [],
    without: false,
    expr: {
      type: "binaryExpr",
      op: ">",
      bool: true,
      matching: null,
      rhs: { type: "numberLiteral", val: "2" },
      lhs: {
        type: "vectorSelector",
        name: "x",
        offset: 300_000,
        timestamp: null,
        startOrEnd: null,
        anchored: false,
        smoothed: false,
        matchers: [
          { name: "a", value: "b", type: "=" },
          { name: "__name__", value: "x", type: "=" },
        ],
      },
    },
  });
});

test("match[] accepts only a selector without modifiers", () => {
  assert.equal(parseSelector('up{job="pi"}').name, "up");
  for (const text of ["up[5m]", "sum(up)", "up offset 5m", "1"]) {
    assert.throws(() => parseSelector(text), QueryParseError, text);
  }
});

test("a selector with very many matchers is refused while it is read", () => {
  const matchers = (count: number): string => `{${'a="b",'.repeat(count)}}`;
  assert.equal(parseSelector(matchers(1000)).matchers.length, 1000);
  assert.throws(
    () => parseSelector(matchers(50_000)),
    /selector has too many matchers, at most 1000 are allowed$/,
  );
});
