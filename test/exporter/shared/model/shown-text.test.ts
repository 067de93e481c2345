import assert from "node:assert/strict";
import { test } from "node:test";
import {
  originOf,
  printable,
  printableText,
  withoutUrlSecrets,
} from "../../../../exporter/shared/model/shown-text.js";

const ESCAPES = [
  ["a terminal escape", "\u001b[2J", "\\u001b[2J"],
  ["a C1 control", "\u009b31m", "\\u009b31m"],
  ["a direction override", "a\u202eb\u2066c", "a\\u202eb\\u2066c"],
  ["DEL, NUL and a bell", "\u007f\u0000\u0007", "\\u007f\\u0000\\u0007"],
  ["line separators", "\u2028\u2029\u0085", "\\u2028\\u2029\\u0085"],
  ["invisible tags beyond 16 bits", "\u{e0041}", "\\u{e0041}"],
  ["ordinary text of any script", "grün 温度 🙂", "grün 温度 🙂"],
] as const;

for (const [name, text, shown] of ESCAPES) {
  test(`${name} is shown as plain text`, () => {
    assert.equal(printable(text), shown);
    assert.equal(printableText(text), shown);
  });
}

test("a value cannot add a line; a text keeps its lines", () => {
  assert.equal(printable("a\r\nb\tc"), "a\\u000d\\u000ab\\u0009c");
  assert.equal(printableText("a\r\nb\tc\n"), "a\\u000d\nb\tc\n");
});

const URLS = [
  ["http://user:pw@h:1/hook?key=s3cret", "http://xxxxx@h:1/hook?key=xxxxx"],
  ["https://h/a?b=1&token=s3cret#f", "https://h/a?b=xxxxx&token=xxxxx#f"],
  ["http://h/metrics", "http://h/metrics"],
  ["smtp://u:p@w@mail:25", "smtp://xxxxx@mail:25"],
  ['two "http://a:b@c" and http://d:e@f/x', 'two "http://xxxxx@c" and http://xxxxx@f/x'],
  ["HTTP://U:P@h/?a=b", "HTTP://xxxxx@h/?a=xxxxx"],
  ["no URL: a@b?c=d", "no URL: a@b?c=d"],
  ['is "user:pw@h:8730", it', 'is "xxxxx@h:8730", it'],
  ["http://ftp://user:pw@h:1/x", "http://ftp://xxxxx@h:1/x"],
  ["//user:pw@h/x", "//xxxxx@h/x"],
  ["user:pw@h/path", "xxxxx@h/path"],
  ["job:rate5m@1700000000 > 1", "job:rate5m@1700000000 > 1"],
  ["user:pw@10.0.0.1 x", "xxxxx@10.0.0.1 x"],
  ["sum(job:rate@end()) by (a:b)", "sum(job:rate@end()) by (a:b)"],
  ["mail to: a@b.c", "mail to: a@b.c"],
] as const;

for (const [text, shown] of URLS) {
  test(`the secrets of ${JSON.stringify(text)} are hidden`, () => {
    assert.equal(withoutUrlSecrets(text), shown);
  });
}

test("of a URL whose path is a key only the host is shown", () => {
  assert.equal(
    originOf("https://u:p@hooks.example.org:8/services/T0/B0/KEY?x=y"),
    "https://hooks.example.org:8/xxxxx",
  );
});
