import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { fingerprintOf } from "../../../../scraper/alerting/alerts/alert-fingerprint.js";
import {
  createMatcher,
  matchesAll,
  parseMatcher,
  parseMatchers,
} from "../../../../scraper/alerting/config/matchers.js";

for (const { labels, fingerprint } of [
  // Answers of Alertmanager 0.25 for the same labels.
  {
    labels: { alertname: "A", instance: "p2", severity: "warning" },
    fingerprint: "38f939232a84c6bd",
  },
  {
    labels: { severity: "critical", alertname: "A", instance: "p1" },
    fingerprint: "d4843cd22161a1a9",
  },
  { labels: {}, fingerprint: "cbf29ce484222325" },
]) {
  test(`The fingerprint of ${JSON.stringify(labels)} is Alertmanager's`, () => {
    assert.equal(fingerprintOf(Labels.of(labels)), fingerprint);
  });
}

for (const { text, written, matching, failing } of [
  { text: "foo=bar", written: 'foo="bar"', matching: "bar", failing: "bars" },
  { text: ' foo = "a,b" ', written: 'foo="a,b"', matching: "a,b", failing: "a" },
  { text: "foo!=bar", written: 'foo!="bar"', matching: "", failing: "bar" },
  { text: 'foo=~"a|b.+"', written: 'foo=~"a|b.+"', matching: "bx", failing: "xb" },
  { text: "foo!~web.*", written: 'foo!~"web.*"', matching: "db", failing: "web1" },
  {
    text: 'foo="a\\"b\\\\c\\nd"',
    written: 'foo="a\\"b\\\\c\\nd"',
    matching: 'a"b\\c\nd',
    failing: "a",
  },
  { text: 'foo=~"\\d+"', written: 'foo=~"\\\\d+"', matching: "42", failing: "d" },
  { text: 'foo=""', written: 'foo=""', matching: "", failing: "x" },
]) {
  test(`The matcher ${text} is read as ${written}`, () => {
    const matcher = parseMatcher(text);
    assert.equal(matcher.toString(), written);
    assert.equal(matcher.matches(matching), true);
    assert.equal(matcher.matches(failing), false);
    assert.equal(parseMatcher(matcher.toString()).toString(), written);
  });
}

for (const { text, reason } of [
  { text: "foo", reason: /bad matcher format/ },
  { text: "a b=c", reason: /bad matcher format/ },
  { text: 'foo="bar', reason: /must end with the quote/ },
  { text: 'foo="bar" and', reason: /must end with the quote/ },
  { text: 'foo=ba"r', reason: /a quote inside must be/ },
  { text: "foo=~(", reason: /Cannot compile regular expression/ },
  { text: "foo=~(?=x)", reason: /Cannot compile regular expression/ },
  { text: `foo=${"x".repeat(5000)}`, reason: /longer than/ },
]) {
  test(`The matcher ${text.slice(0, 20)} is refused`, () =>
    assert.throws(() => parseMatcher(text), reason));
}

test("A list of matchers is split at commas outside quotes, with or without braces", () => {
  for (const text of ['{foo="a,b", bar=~"x|y",}', 'foo="a,b",bar=~"x|y"']) {
    assert.deepEqual(parseMatchers(text).map(String), ['foo="a,b"', 'bar=~"x|y"']);
  }
  assert.deepEqual(parseMatchers("{}"), []);
  assert.throws(() => parseMatchers("a=1,,b=2"), /bad matcher format/);
});

for (const { text, written } of [
  { text: "a-b=c", written: ['a-b="c"'] },
  { text: "1foo=bar", written: ['1foo="bar"'] },
  { text: '"a b"=~"c\\\\d"', written: ['"a b"=~"c\\\\d"'] },
  { text: ' { 🙂 != b , "x"="y,z" } ', written: ['🙂!="b"', 'x="y,z"'] },
  { text: '""=b', written: ['""="b"'] },
  { text: "", written: [] },
  { text: "{", written: [] },
  // In the classic notation these mean something else than in the newer one.
  { text: "{a=b", written: ['a="b"'] },
  { text: "a=b c", written: ['a="b c"'] },
  { text: "a=`b`", written: ['a="`b`"'] },
  { text: "{a=b}{c=d}", written: ['a="b}{c=d"'] },
]) {
  test(`The matchers ${text} are read as in Alertmanager`, () =>
    assert.deepEqual(parseMatchers(text).map(String), written));
}

test("A missing label has the empty value", () => {
  const missing = createMatcher({ name: "team", value: "", isRegex: false, isEqual: true });
  assert.equal(matchesAll([missing], Labels.of({ a: "b" })), true);
  assert.equal(matchesAll([missing], Labels.of({ team: "b" })), false);
});
