import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMasterUrl } from "../../../exporter/uplink/master-url.js";

for (const [text, url] of [
  ["http://pi1:8730", "http://pi1:8730"],
  ["http://pi1:8730/", "http://pi1:8730"],
  ["https://pi1.lan/prefix/", "https://pi1.lan/prefix"],
  ["pi1", "http://pi1:8730"],
  ["pi1:9000", "http://pi1:9000"],
  ["[::1]:8730", "http://[::1]:8730"],
  ["[fd00::5]", "http://[fd00::5]:8730"],
] as const) {
  test(`master ${text} is ${url}`, () => assert.equal(parseMasterUrl(text), url));
}

for (const text of [
  "",
  "ftp://pi1",
  "http://",
  "http://u:p@pi1",
  "http://pi1/?a=b",
  "http://pi1/#x",
  "pi 1",
  "http://pi1:99999",
]) {
  test(`master ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseMasterUrl(text), { code: "bad_input", message: /^Cannot use master/ });
  });
}
