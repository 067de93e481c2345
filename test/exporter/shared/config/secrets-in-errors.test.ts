import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import { ConfigError } from "../../../../exporter/shared/config/yaml-source.js";

/** Reads the file as a program would: a nested section with a few known keys. */
function read(text: string): void {
  const file = ConfigSection.parse(text, "test.yml");
  const section = file.section("basic_auth");
  section.string("username", { default: "" });
  section.string("password", { default: "", pattern: /^[a-z]*$/ });
  section.rejectUnknownKeys();
  file.section("remote").number("credentails", { default: 1 });
  file.section("remote").boolean("pasword", { default: true });
  file.section("remote").oneOf("tokn", ["a"], { default: "a" });
  file.section("remote").durationMs("api_key", { default: "1s" });
  file.section("remote").attempt("url", () => {
    const url = file.section("remote").string("url", { default: "http://h" });
    if (url.includes("@")) throw new Error(`Cannot use "${url}": it has a user`);
  });
  for (const one of file.sections("webhook_configs")) one.string("url", { pattern: /^ftp/ });
  file.strings("http_headers", { default: [] });
  file.rejectUnknownKeys();
}

const FILES = [
  ["a section that is a text", "basic_auth: HUNTER2"],
  ["a value of the wrong form", "basic_auth: {password: HUNTER2}"],
  ["a list for a text", "basic_auth: {password: [HUNTER2]}"],
  ["a misspelled key", "basic_auth: {pasword: HUNTER2}"],
  ["a missing space after the colon", "basic_auth: {username: a, password:HUNTER2}"],
  [
    "a missing space after the colon, in a block",
    "basic_auth:\n  username: a\n  password:HUNTER2\n",
  ],
  ["a missing colon", "basic_auth:\n  username: a\n  password HUNTER2\n"],
  ["a password that is an alias", "basic_auth:\n  password: *HUNTER2\n"],
  ["a password that is a block", "basic_auth:\n  password: |HUNTER2\n"],
  ["a password that begins with @", "basic_auth:\n  password: @HUNTER2\n"],
  ["a password that begins with a quote", "basic_auth:\n  password: 'a'HUNTER2\n"],
  ["a quote that is not closed", 'basic_auth:\n  password: "HUNTER2\n'],
  ["a key twice", "basic_auth: {password: HUNTER2, password: HUNTER2}"],
  ["a number with a misspelled name", "remote: {credentails: HUNTER2}"],
  ["a boolean with a misspelled name", "remote: {pasword: HUNTER2}"],
  ["a choice with a misspelled name", "remote: {tokn: HUNTER2}"],
  ["a duration that is a key", "remote: {api_key: HUNTER2}"],
  ["a URL with a user", "remote: {url: 'http://user:HUNTER2@h/'}"],
  ["a URL whose path is a key", "webhook_configs: [{url: 'http://h/HUNTER2'}]"],
  ["a header", "http_headers: {Authorization: HUNTER2}"],
] as const;

for (const [name, text] of FILES) {
  test(`the error about ${name} shows no secret`, () => {
    assert.throws(
      () => read(text),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
          assert.doesNotMatch(cause.message, /HUNTER2/i);
        return true;
      },
    );
  });
}
