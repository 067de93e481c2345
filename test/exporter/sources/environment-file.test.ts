import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEnvironmentFile } from "../../../exporter/sources/environment-file.js";

for (const { name, text, values } of [
  { name: "plain values", text: "A=1\nB_2=x y\n", values: { A: "1", B_2: "x y" } },
  { name: "comments and other lines", text: "# A=1\n; B=2\nrubbish\nC=3", values: { C: "3" } },
  {
    name: "double quotes",
    text: 'A="x \\"y\\" \\$z \\` \\\\ \\n"',
    values: { A: 'x "y" $z ` \\ \\n' },
  },
  { name: "single quotes", text: `A='x "y" \\z'`, values: { A: 'x "y" \\z' } },
  { name: "parts with different quotes", text: `A="a"'b'c`, values: { A: "abc" } },
  { name: "a backslash outside quotes", text: "A=a\\ b\\\\c", values: { A: "a b\\c" } },
  {
    name: "white space around a value",
    text: "A=  x  \nB=' x '  \n",
    values: { A: "x", B: " x " },
  },
  { name: "a continued line", text: "A=a\\\nb\nB=2", values: { A: "ab", B: "2" } },
  { name: "a line feed in quotes", text: 'A="a\nb"\nB=2', values: { A: "a\nb", B: "2" } },
  { name: "the last of equal keys", text: "A=1\nA=2", values: { A: "2" } },
  { name: "an empty value", text: "A=\nB=2", values: { A: "", B: "2" } },
  { name: "a quote that never ends", text: 'A="x\nB=2', values: { A: "x\nB=2" } },
  { name: "line ends of Windows", text: "A=1\r\nB=2\r\n", values: { A: "1", B: "2" } },
  { name: "carriage returns alone", text: 'A=1\rB="2"\rC=3', values: { A: "1", B: "2", C: "3" } },
  {
    name: "quotes inside a value",
    text: `A=it's\nB=x "y z"\nC=foo"bar"`,
    values: { A: "it's", B: 'x "y z"', C: 'foo"bar"' },
  },
  {
    name: "white space between quoted parts",
    text: `A="x" 'y'\nB="x"\t y z`,
    values: { A: "xy", B: "xy z" },
  },
  { name: "nothing", text: "", values: {} },
]) {
  test(`assignments are read as systemd reads them: ${name}`, () => {
    assert.deepEqual(Object.fromEntries(parseEnvironmentFile(text)), values);
  });
}

test("a backslash outside quotes may be a character like others", () => {
  const values = parseEnvironmentFile('A=x\\y\nB="x\\\\y"', { isRawUnquoted: true });
  assert.deepEqual(Object.fromEntries(values), { A: "x\\y", B: "x\\y" });
});
