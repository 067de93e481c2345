import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import { ConfigError, MAX_CONFIG_BYTES } from "../../../../exporter/shared/config/yaml-source.js";

const parse = (text: string): ConfigSection => ConfigSection.parse(text, "x.yml");
const aliasBomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
  .concat(
    ["b", "c", "d", "e", "f"].map(
      (name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcde"[index]}`).join(", ")}]`,
    ),
  )
  .join("\n");

for (const { name, text, read, message } of [
  { name: "a tab", text: "a:\n\tb: 1\n", read: () => undefined, message: /"x.yml", line 2/ },
  {
    name: "a list at the top",
    text: "- 1\n",
    read: () => undefined,
    message: /the file is a list, it must be a mapping/,
  },
  {
    name: "a key twice",
    text: "a: 1\na: 2\n",
    read: () => undefined,
    message: /line 2: Map keys must be unique/,
  },
  {
    name: "ten megabytes",
    text: `a: ${"x".repeat(MAX_CONFIG_BYTES)}`,
    read: () => undefined,
    message: /larger than 1048576 bytes/,
  },
  {
    name: "an alias bomb",
    text: aliasBomb,
    read: () => undefined,
    message: /[Ee]xcessive alias count/,
  },
  {
    name: "an unknown key",
    text: "known: 1\nfoo:\n  x: 1\n",
    read: (section: ConfigSection) => {
      section.integer("known");
      section.rejectUnknownKeys();
    },
    message: /line 3: key foo is not a known key, the keys here are known/,
  },
  {
    name: "a missing key",
    text: "a: 1\n",
    read: (section: ConfigSection) => section.string("b"),
    message: /key "b" is missing/,
  },
  {
    name: "a text for a number",
    text: "a: x\n",
    read: (section: ConfigSection) => section.integer("a"),
    message: /key a is "x", it must be a number/,
  },
  {
    name: "a number out of range",
    text: "a: 70\n",
    read: (section: ConfigSection) => section.integer("a", { min: 1, max: 64 }),
    message: /is 70, it must be a number from 1 to 64/,
  },
  {
    name: "a bad duration",
    text: "a: 15 s\n",
    read: (section: ConfigSection) => section.durationMs("a"),
    message: /key a Cannot read duration "15 s"/,
  },
  {
    name: "a long duration",
    text: "a: 2h\n",
    read: (section: ConfigSection) => section.durationMs("a", { max: "1h" }),
    message: /is 2h, it must be at most 1h/,
  },
  {
    name: "a nested key",
    text: "s:\n  - a: 1\n  - a: maybe\n",
    read: (section: ConfigSection) => section.sections("s")[1]?.boolean("a"),
    message: /line 3: key s\[1\].a is "maybe", it must be true or false/,
  },
  {
    name: "a mapping for a text",
    text: "a: {b: 1}\n",
    read: (section: ConfigSection) => section.string("a"),
    message: /key a is a mapping, it must be a text/,
  },
] as const) {
  test(`A file is refused with the place: ${name}`, () => {
    assert.throws(
      () => read(parse(text)),
      (error) =>
        (error instanceof ConfigError && message.test(error.message)) || assert.fail(String(error)),
    );
  });
}

test("Values are read as their writer meant them", () => {
  const section = parse(
    "version: 1.10\non: yes\nlabels: { severity: 1, ok: true }\nlist: one\nsize: 30MB\nempty:\n",
  );
  assert.equal(section.string("version"), "1.10");
  assert.equal(section.boolean("on"), true);
  assert.deepEqual(section.stringMap("labels"), { severity: "1", ok: "true" });
  assert.deepEqual(section.strings("list"), ["one"]);
  assert.equal(section.byteSize("size"), 30 * 1024 * 1024);
  assert.equal(section.has("empty"), false);
  assert.equal(section.durationMs("missing", { default: "1h30m" }), 5_400_000);
});

test("An empty file is an empty mapping", () => assert.deepEqual(parse("").keys(), []));
