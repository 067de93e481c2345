import assert from "node:assert/strict";
import { test } from "node:test";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import { RegexTemplate } from "../../../scraper/base/regex-template.js";
import { RegularExpression } from "../../../scraper/base/regular-expression.js";

test("an expression matches the whole text or a part of it", () => {
  const regex = RegularExpression.compile("b+");
  assert.deepEqual([regex.matches("bb"), regex.matches("abb")], [true, false]);
  assert.deepEqual([regex.matchesPartOf("abb"), regex.matchesPartOf("ac")], [true, false]);
});

test("a dot matches a line feed only where Prometheus compiles it so", () => {
  assert.equal(RegularExpression.compile("a.b").matches("a\nb"), false);
  assert.equal(RegularExpression.compileDotAll("a.b").matches("a\nb"), true);
});

test("wrong syntax is reported in RE2's words", () => {
  assert.throws(() => RegularExpression.compile("(a"), {
    message: "error parsing regexp: missing closing ): `(a`",
  });
});

test("matches in a text follow Go: an empty match right after another is left out", () => {
  const ends = [...RegularExpression.compile("a*").matchesIn("baac")].map(({ start, end }) => [
    start,
    end,
  ]);
  assert.deepEqual(ends, [
    [0, 0],
    [1, 3],
    [4, 4],
  ]);
});

for (const { template, expanded } of [
  { template: "plain", expanded: "plain" },
  { template: "$1-${2}", expanded: "10.0.0.7-9100" },
  { template: "$host:$port", expanded: "10.0.0.7:9100" },
  { template: "$0", expanded: "10.0.0.7:9100" },
  { template: "$$1", expanded: "$1" },
  { template: "$1x", expanded: "" },
  { template: "${1}x", expanded: "10.0.0.7x" },
  { template: "$1é", expanded: "" },
  { template: "[$3$missing$constructor$99999999999999999999]", expanded: "[]" },
  { template: "${1", expanded: "${1" },
  { template: "$", expanded: "$" },
]) {
  test(`the template "${template}" is expanded as Go's Regexp.Expand does`, () => {
    const regex = RegularExpression.compile("(?P<host>[0-9.]+):(?P<port>[0-9]+)(/.*)?");
    const match = present(regex.matchWhole("10.0.0.7:9100"), "match");
    assert.equal(new RegexTemplate(template).expand(match), expanded);
  });
}
