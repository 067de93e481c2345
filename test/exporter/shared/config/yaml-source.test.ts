import assert from "node:assert/strict";
import { test } from "node:test";
import { YamlSource } from "../../../../exporter/shared/config/yaml-source.js";

/** What the YAML library of Go reads, and with it Prometheus and Alertmanager. */
const ACCEPTED: readonly {
  readonly name: string;
  readonly text: string;
  readonly content: unknown;
}[] = [
  {
    name: "quoted text continued at the column of its key",
    text: 'a:\n  b: "one,\n  two. \n  three"\n  c: 1\n',
    content: { a: { b: "one, two. three", c: 1 } },
  },
  {
    name: "quoted text continued at the margin",
    text: "a:\n  b: 'x\ny'\n  c: 1\n",
    content: { a: { b: "x y", c: 1 } },
  },
  {
    name: "quoted text with an empty line",
    text: 'a: "x\n\n# y"\nb: 1\n',
    content: { a: "x\n# y", b: 1 },
  },
  {
    name: "a list closed at the margin",
    text: "a:\n  b: [1,\n2\n]\n  c: 1\n",
    content: { a: { b: [1, 2], c: 1 } },
  },
  {
    name: "a mapping over lines",
    text: "a: {b: 1,\nc: 2}\nd: 3\n",
    content: { a: { b: 1, c: 2 }, d: 3 },
  },
  {
    name: "a quote in plain text",
    text: "a: it's 5\nb: say \"x\nc: 1\n",
    content: { a: "it's 5", b: 'say "x', c: 1 },
  },
  { name: "an empty text", text: "", content: undefined },
  { name: "only comments", text: "# a\n", content: null },
  { name: "a document marker", text: "---\na: 1\n...\n", content: { a: 1 } },
  { name: "a second document", text: "a: 1\n---\nb: [\n", content: { a: 1 } },
];

test("Text that Go's YAML reads is read the same", () => {
  for (const { name, text, content } of ACCEPTED) {
    assert.deepEqual(YamlSource.parse(text, "f").content ?? null, content ?? null, name);
  }
});

test("A second document is a warning, and lines are counted from 1", () => {
  assert.deepEqual(YamlSource.parse("a: 1\n---\nb: 1\n", "f.yml").warnings, [
    '"f.yml" has more than one document: only the first is read',
  ]);
  const source = YamlSource.parse('a:\n  b: "x\ny"\n  c: 1\n', "f.yml");
  assert.equal(source.lineAt(["a", "c"]), 4);
  source.warnAt(["a", "c"], "has no effect here");
  assert.deepEqual(source.warnings, ['"f.yml", line 4: key a.c has no effect here']);
});

const REFUSED = [
  'a: "x\nb: 1\n',
  "a: [1,\nb: 2\n",
  "a: 'x\n---\ny'\n",
  "a: 1\na: 2\n",
  "a: *b\n",
  "a:\n\t- b\n",
];

test("Text that Go's YAML refuses is refused with its line", () => {
  for (const text of REFUSED)
    assert.throws(() => YamlSource.parse(text, "f"), /Cannot load "f"/, text);
});
