import assert from "node:assert/strict";
import { printable } from "../../../../exporter/shared/model/shown-text.js";
import { test } from "node:test";
import { formatMatrix, type ResultSeries } from "../../../../scraper/program/commands/query.js";
import { formatNumber } from "../../../../scraper/program/commands/terminal-chart.js";
import { assertEvery } from "../../../support/assert-every.js";

const STEP_SECONDS = 60;
const ramp = (
  metric: Record<string, string>,
  value: (index: number) => number | undefined,
): ResultSeries => ({
  metric,
  values: Array.from({ length: 61 }, (_, index) => index).flatMap((index) => {
    const sample = value(index);
    return sample === undefined ? [] : [[index * STEP_SECONDS, String(sample)] as const];
  }),
});
const frame = { fromMs: 0, toMs: 3_600_000, stepMs: STEP_SECONDS * 1000, columns: 48 };

test("One series is drawn between its axes, as wide as the terminal", () => {
  const lines = formatMatrix([ramp({ __name__: "up" }, (index) => index)], {
    ...frame,
    isTerminal: false,
  });
  assert.match(lines[0] ?? "", /^ {5}60┤ {30,}\*+$/);
  assert.equal(lines[0]?.length, 48);
  assert.match(lines[6] ?? "", /^ {5}30┤ +\*+$/);
  assert.match(lines[11] ?? "", /^ {6}0┤\*+$/);
  assert.equal(lines[12], `       └${"─".repeat(40)}`);
  assert.match(lines[13] ?? "", /^ {8}\d\d:\d\d +\d\d:\d\d +\d\d:\d\d$/);
  assert.deepEqual(lines.slice(15), [
    "   min  avg  max  last  series",
    "*    0   30   60    60  up",
  ]);
  assertEvery(lines, (line) => line.length <= 48);
});

test("A terminal gets braille dots in a colour for each series, a pipe gets letters", () => {
  const series = [ramp({ pi: "attic" }, () => 1), ramp({ pi: "cellar" }, () => 3)];
  const onTerminal = formatMatrix(series, { ...frame, isTerminal: true });
  assert.match(onTerminal[0] ?? "", /^ {6}3┤(\u001b\[33m[\u2801-\u28ff]\u001b\[0m){40}$/);
  assert.match(onTerminal[11] ?? "", /^ {6}1┤(\u001b\[36m[\u2801-\u28ff]\u001b\[0m){40}$/);
  const piped = formatMatrix(series, { ...frame, isTerminal: false });
  assert.equal(piped[0], `      3┤${"b".repeat(40)}`);
  assert.equal(piped[11], `      1┤${"a".repeat(40)}`);
  assertEvery(piped, (line) => !line.includes("\u001b"));
});

test("A gap stays empty, and values that are not numbers are left out", () => {
  const [first] = formatMatrix(
    [
      ramp({}, (index) => (index > 20 && index < 40 ? undefined : index === 10 ? Number.NaN : 5)),
      ramp({ a: "b" }, () => 1),
    ],
    { ...frame, isTerminal: false },
  );
  assert.match(first ?? "", /^ {6}5┤a+ {10,}a+$/);
});

for (const { name, series, says } of [
  { name: "nothing was selected", series: [], says: ["no series"] },
  {
    name: "no value is finite",
    series: [ramp({ a: "b" }, () => Number.POSITIVE_INFINITY)],
    says: [`{a="b"}  no finite value`],
  },
]) {
  test(`An empty chart is one line: ${name}`, () =>
    assert.deepEqual(formatMatrix(series, { ...frame, isTerminal: true }), says));
}

test("Series beyond the number of colours are listed as not drawn", () => {
  const series = Array.from({ length: 10 }, (_, index) => ramp({ pi: `${index}` }, () => index));
  const lines = formatMatrix(series, { ...frame, isTerminal: false });
  assert.equal(lines.at(-1), "2 of 10 series are not drawn.");
  assert.ok(lines.some((line) => line.startsWith(" ") && line.endsWith(`{pi="9"}`)));
});

test("A hostile label value is escaped in the legend and in a table", () => {
  const lines = formatMatrix([ramp({ pi: "\u001b[2J\u202Eevil\r\n" }, () => 1)], {
    ...frame,
    isTerminal: false,
  });
  assert.ok(lines.at(-1)?.includes(String.raw`{pi="\u001b[2J\u202eevil\u000d\n"}`), lines.at(-1));
  assert.equal(printable("a\u0000b\u009bc"), String.raw`a\u0000b\u009bc`);
});

for (const [value, text] of [
  [0, "0"],
  [0.42, "0.42"],
  [-1234.4, "-1.234k"],
  [4_294_967_296, "4.295G"],
  [1e-9, "1.0e-9"],
  [2e20, "2.0e+20"],
] as const) {
  test(`The number ${value} is written ${text}`, () => assert.equal(formatNumber(value), text));
}
