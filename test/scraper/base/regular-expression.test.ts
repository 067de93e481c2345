import assert from "node:assert/strict";
import { test } from "node:test";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import { RegexTemplate } from "../../../scraper/base/regex-template.js";
import {
  MAX_PATTERN_CHARACTERS,
  RegularExpression,
} from "../../../scraper/base/regular-expression.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";

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

test("a pattern that would take long to compile is refused, a long list of plain texts is not", () => {
  const pattern = "a.b|".repeat(MAX_PATTERN_CHARACTERS / 4);
  assert.ok(RegularExpression.compileDotAll(pattern).matches("axb"));
  const message = `expression has ${MAX_PATTERN_CHARACTERS + 1} characters, at most ${MAX_PATTERN_CHARACTERS} are allowed`;
  for (const compile of [RegularExpression.compile, RegularExpression.compileDotAll])
    assert.throws(() => compile(`${pattern}c`), { message });
  const addresses = Array.from({ length: 5000 }, (_, index) => `10\\.0\\.0\\.${index}:8732`);
  const matcher = createLabelMatcher("instance", "=~", addresses.join("|"));
  assert.ok(matcher.matches("10.0.0.4999:8732"));
});

for (const { pattern, yes, no } of [
  { pattern: "10\\.0\\.0\\.7:8732|b", yes: ["10.0.0.7:8732", "b"], no: ["10x0.0.7:8732", ""] },
  { pattern: "a\\|b", yes: ["a|b"], no: ["a", "b", "a\\|b"] },
  { pattern: "a\\+|\\(b\\)|", yes: ["a+", "(b)", ""], no: ["aa", "b", "a"] },
  { pattern: "\\d|x", yes: ["1", "x"], no: ["d", "\\d"] },
]) {
  test(`escaped punctuation means itself in a label matcher: ${pattern}`, () => {
    const regex = RegularExpression.compileDotAll(pattern);
    const matcher = createLabelMatcher("a", "=~", pattern);
    for (const [texts, wanted] of [
      [yes, true],
      [no, false],
    ] as const) {
      for (const text of texts)
        assert.deepEqual([matcher.matches(text), regex.matches(text)], [wanted, wanted], text);
    }
  });
}
