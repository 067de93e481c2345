import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { goQuote, goQuoteCharacter, goQuoteToAscii } from "../../../scraper/base/go-quote.js";
import { goUnquote } from "../../../scraper/base/go-string.js";

for (const [literal, value] of [
  ['"a\\tb"', "a\tb"],
  ["'it\\'s'", "it's"],
  ['"\\x41\\101\\u00e9\\U0001F600"', "AAé😀"],
  ['"\\xc3\\xa9"', "é"],
  ['"\\xff\\xc3a\\xe2\\x82"', "\udcff\udcc3a\udce2\udc82"],
  ["`a\\n\r`", "a\\n"],
  ['"it\\\'s"', undefined],
  ['"\\q"', undefined],
  ['"\\400"', undefined],
  ['"\\ud800"', undefined],
  ['"a" "b"', undefined],
  ['"a', undefined],
] as const) {
  test(`A string literal of Go has the value that Go gives it: ${literal}`, () => {
    assert.equal(goUnquote(literal), value);
  });
}

test("Invisible characters are quoted as escapes", () => {
  assert.equal(goQuote('é"\\\n\u200b\u{e0001}\x7f'), '"é\\"\\\\\\n\\u200b\\U000e0001\\x7f"');
  assert.equal(goQuoteToAscii('é"\\\n😀~'), '"\\u00e9\\"\\\\\\n\\U0001f600~"');
  assert.equal(goQuoteCharacter("'"), "'\\''");
  assert.equal(goQuoteCharacter(""), "'\uFFFD'");
});

test("Bytes that are not UTF-8 are quoted as bytes", () => {
  assert.equal(goQuote("a\udcff"), '"a\\xff"');
  assert.equal(goQuoteToAscii("\udc80é"), '"\\x80\\u00e9"');
});

test("A quoted text is a string literal with the same value", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(goUnquote(goQuote(text)), text);
      assert.equal(goUnquote(goQuoteToAscii(text)), text);
    }),
    { seed: 20260112, numRuns: 500 },
  );
});
