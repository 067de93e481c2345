import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { readsQueryTimes } from "../../../../scraper/rule-engine/rules/expression-reads.js";

for (const [expression, expected] of [
  ["up", false],
  ["up @ 5", false],
  ["rate(x[5m] offset 1m)", false],
  ["time() - timestamp(x)", false],
  ["x @ start()", true],
  ["sum by (a) (-(x @ end()))", true],
  ["rate(x[5m] @ end())", true],
  ["max_over_time(x[5m:1m] @ start())", true],
  ["max_over_time((x @ start())[5m:])", true],
  ["topk(scalar(x @ end()), y)", true],
  ["rate(x[step() * 5])", true],
  ["rate(x[max_of(5m, (range()))])", true],
  ["x offset -step()", true],
  ["max_over_time(x[5m:step()])", true],
  ["max_over_time(x[5m:1m] offset (1m + step()))", true],
] as const)
  test(`an expression ${expected ? "reads" : "does not read"} the times of the query: ${expression}`, () => {
    assert.equal(readsQueryTimes(parseExpression(expression)), expected);
  });
