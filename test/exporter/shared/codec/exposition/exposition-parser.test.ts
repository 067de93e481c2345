import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  expositionFormatOf,
  parseExposition,
} from "../../../../../exporter/shared/codec/exposition/exposition-parser.js";
import {
  MAX_LABELS,
  MAX_LINE_BYTES,
} from "../../../../../exporter/shared/codec/exposition/exposition-parser-error.js";
import { codeOf } from "../../../../../exporter/shared/model/errors.js";
import { quoteLabelValue } from "../../../../../exporter/shared/model/labels.js";

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

const shown = (body: string | Buffer, contentType?: string): string[] =>
  parseExposition(body, contentType).samples.map(({ labels, value, timestampMs }) => {
    return `${labels.toString()} ${Object.is(value, -0) ? "-0" : value}${timestampMs === undefined ? "" : ` ${timestampMs}`}`;
  });

for (const { name, body, samples } of [
  { name: "a sample", body: "a 1\n", samples: ["a 1"] },
  { name: "no line feed at the end", body: "a 1", samples: ["a 1"] },
  { name: "nothing", body: "", samples: [] },
  { name: "blank lines and blanks", body: "\n  \n\t a \t 1 \t\n\n", samples: ["a 1"] },
  { name: "colons in a metric name", body: ":a:b 1\n", samples: [":a:b 1"] },
  { name: "labels in any order", body: 'a{c="1",b="2"} 1\n', samples: ['a{b="2", c="1"} 1'] },
  {
    name: "blanks between labels",
    body: 'a { b = "1" , c = "2" , } 1\n',
    samples: ['a{b="1", c="2"} 1'],
  },
  { name: "no comma between labels", body: 'a{b="1" c="2"} 1\n', samples: ['a{b="1", c="2"} 1'] },
  { name: "no space before the value", body: 'a{b="1"}1\n', samples: ['a{b="1"} 1'] },
  { name: "empty braces", body: "a{} 1\n", samples: ["a 1"] },
  { name: "an empty label value", body: 'a{b=""} 1\n', samples: ["a 1"] },
  {
    name: "escapes in a label value",
    body: 'a{b="\\\\ \\" \\n \\t"} 1\n',
    samples: ['a{b="\\\\ \\" \\n \\\\t"} 1'],
  },
  { name: "a line feed in a label value", body: 'a{b="x\ny"} 1\n', samples: ['a{b="x\\ny"} 1'] },
  {
    name: "braces, hash and NUL in a label value",
    body: 'a{b="{#\0}"} 1\n',
    samples: ['a{b="{#\0}"} 1'],
  },
  { name: "UTF-8 in a label value", body: 'a{b="größe 🌡"} 1\n', samples: ['a{b="größe 🌡"} 1'] },
  { name: "a quoted metric name", body: '{"my.name"} 1\n', samples: ["my.name 1"] },
  {
    name: "a quoted metric name and labels",
    body: '{"my.name",a="b","c.d"="e"} 1\n',
    samples: ['my.name{a="b", c.d="e"} 1'],
  },
  { name: "a timestamp", body: "a 1 1700000000123\n", samples: ["a 1 1700000000123"] },
  {
    name: "special values",
    body: "a NaN\nb +Inf\nc -Inf\nd inf\ne nan\nf Infinity\n",
    samples: ["a NaN", "b Infinity", "c -Infinity", "d Infinity", "e NaN", "f Infinity"],
  },
  {
    name: "numbers",
    body: "a 1.\na .5\na +1e3\na 1E-3\na -0\na 1.7976931348623157e308\na 5e-324\na 1e-400\n",
    samples: [
      "a 1",
      "a 0.5",
      "a 1000",
      "a 0.001",
      "a -0",
      "a 1.7976931348623157e+308",
      "a 5e-324",
      "a 0",
    ],
  },
  { name: "remarks", body: "#\n# a remark\n#HELPa\n# UNIT x y\na 1\n# EOF\n", samples: ["a 1"] },
  {
    name: "a remark of one word that means something elsewhere",
    body: "# HELP\n# TYPE\na 1\n",
    samples: ["a 1"],
  },
  { name: "help without text", body: "# HELP a\n# HELP b \na 1\n", samples: ["a 1"] },
]) {
  test(`Text is read: ${name}`, () => assert.deepEqual(shown(body), samples));
}

for (const { name, body, error } of [
  {
    name: "a metric name that starts with a digit",
    body: "a 1\n1a 1\n",
    error: 'line 2, byte 1: found "1a 1", it must be a metric name',
  },
  {
    name: "no value",
    body: "a\n",
    error: "line 1, byte 2: found the end of the line, it must be a number",
  },
  {
    name: "a word for a number",
    body: 'a{b="c"} word\n',
    error: 'line 1, byte 10: found "word", it must be a number',
  },
  { name: "a number too large", body: "a 1e999\n", error: "it must be a number" },
  { name: "digit separators", body: "a 1_000\n", error: "it must be a number" },
  { name: "a carriage return", body: "a 1\r\n", error: "it must be a number" },
  {
    name: "a timestamp with a fraction",
    body: "a 1 1.5\n",
    error: "it must be a timestamp in whole milliseconds, or nothing",
  },
  {
    name: "a timestamp of more than 64 bits",
    body: "a 1 99999999999999999999\n",
    error: "it must be a timestamp in whole milliseconds",
  },
  {
    name: "something after the timestamp",
    body: "a 1 2 3\n",
    error: 'line 1, byte 7: found "3", it must be the end of the line',
  },
  { name: "no closing brace", body: 'a{b="c" 1\n', error: "it must be a label name" },
  {
    name: "no closing quote",
    body: 'a{b="c} 1\n',
    error: "it must be text that ends with a double quote on this line",
  },
  { name: "no equals sign", body: 'a{b"c"} 1\n', error: 'it must be "=" after the label name' },
  {
    name: "an unquoted value",
    body: "a{b=c} 1\n",
    error: "it must be a label value in double quotes",
  },
  { name: "a comma first", body: 'a{,b="c"} 1\n', error: "it must be a label name" },
  { name: "a hexadecimal number", body: "a 0x1p-3\n", error: "it must be" },
  { name: "a number too large", body: "a 1e400\n", error: "it must be" },
  { name: "a negative timestamp", body: "a 1 -5\n", error: "a timestamp in whole milliseconds" },
  { name: "two commas", body: 'a{b="c",,} 1\n', error: "it must be a label name" },
  {
    name: "a label twice",
    body: 'a{b="c",b="d"} 1\n',
    error: 'label name "b" is given twice, it must be unique',
  },
  {
    name: "the metric name as a label too",
    body: 'a{__name__="b"} 1\n',
    error: 'label name "__name__" is given twice',
  },
  { name: "two metric names", body: 'a{"b"} 1\n', error: "it must be exactly one metric name" },
  { name: "no metric name", body: '{a="b"} 1\n', error: "it must be exactly one metric name" },
  {
    name: "bytes that are not UTF-8",
    body: Buffer.from([97, 123, 98, 61, 34, 0xc3, 0x28, 34, 125, 32, 49, 10]),
    error: "the text is not UTF-8, it must be",
  },
  {
    name: "an unknown type",
    body: "# TYPE a thing\n",
    error: 'line 1, byte 10: found "thing", it must be one of counter, gauge',
  },
  { name: "help without a metric", body: "# HELP 1\n", error: "it must be a metric name" },
  { name: "a NUL byte", body: "\0\n", error: 'found "\\u0000", it must be a metric name' },
  {
    name: "too many labels",
    body: `a{${Array.from({ length: MAX_LABELS + 1 }, (_, index) => `l${index}="1"`).join()}} 1\n`,
    error: `it must be at most ${MAX_LABELS} labels`,
  },
  {
    name: "a line too long",
    body: `a{b="${"x".repeat(MAX_LINE_BYTES)}"} 1\n`,
    error: `the line is longer than ${MAX_LINE_BYTES} bytes`,
  },
]) {
  test(`Text is refused with line, byte and expectation: ${name}`, () => {
    assert.throws(
      () => parseExposition(body),
      (thrown: Error) => {
        assert.ok(thrown.message.startsWith("Cannot parse exposition at line "), thrown.message);
        assert.ok(thrown.message.includes(error), thrown.message);
        return true;
      },
    );
  });
}

test("OpenMetrics is read: timestamps in seconds, exemplars skipped, units", () => {
  const body =
    '# TYPE a counter\n# UNIT a_s s\na_total{b="c"} 1 1700000000.5 # {id="x"} 2 3\n# EOF';
  assert.deepEqual(shown(body, OPENMETRICS), ['a_total{b="c"} 1 1700000000500']);
  assert.deepEqual(parseExposition(body, OPENMETRICS).metadata, [
    { metric: "a", type: "counter", help: "", unit: "" },
    { metric: "a_s", type: "", help: "", unit: "s" },
  ]);
});

test("Metadata: the lines about a metric are merged, with escapes undone", () => {
  const { metadata } = parseExposition(
    '# HELP a Back\\\\slash,\\nline, \\"quote\n# TYPE a untyped\n# TYPE "b.c" gauge\n',
  );
  assert.deepEqual(metadata, [
    { metric: "a", type: "untyped", help: 'Back\\slash,\nline, \\"quote', unit: "" },
    { metric: "b.c", type: "gauge", help: "", unit: "" },
  ]);
});

for (const { contentType, format } of [
  { contentType: undefined, format: "text" },
  { contentType: "", format: "text" },
  { contentType: "text/plain; version=0.0.4; charset=utf-8", format: "text" },
  { contentType: "text/html", format: "text" },
  { contentType: "application/openmetrics-text", format: "openmetrics" },
  {
    contentType: "Application/OpenMetrics-Text; version=1.0.0; charset=utf-8",
    format: "openmetrics",
  },
]) {
  test(`Content type ${contentType === undefined ? "missing" : `"${contentType}"`} is read as ${format}`, () => {
    assert.equal(expositionFormatOf(contentType), format);
  });
}

test("Every number that JavaScript writes is parsed to the same double", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const texts = [
        Object.is(value, -0) ? "-0" : String(value),
        ...(value === 0
          ? []
          : [value.toExponential(), value.toExponential(16), value.toPrecision(17)]),
      ];
      for (const text of texts)
        assert.ok(Object.is(parseExposition(`a ${text}\n`).samples[0]?.value, value), text);
    }),
    { numRuns: 2000 },
  );
});

test("Decimals of any length are parsed as Number parses them", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 25 });
  const exponents = fc.option(fc.integer({ min: -330, max: 300 }), { nil: undefined });
  fc.assert(
    fc.property(digits, digits, exponents, (whole, fraction, exponent) => {
      const text = `${whole}.${fraction}${exponent === undefined ? "" : `e${exponent}`}`;
      fc.pre(whole + fraction !== "" && Number.isFinite(Number(text)));
      assert.equal(parseExposition(`a ${text}\n`).samples[0]?.value, Number(text));
    }),
    { numRuns: 2000 },
  );
});

test("Every label value is preserved, in either format", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (value) => {
      const line = `a{b=${quoteLabelValue(value)}} 1\n`;
      assert.equal(parseExposition(line).samples[0]?.labels.get("b"), value);
      assert.equal(
        parseExposition(`${line}# EOF\n`, OPENMETRICS).samples[0]?.labels.get("b"),
        value,
      );
    }),
  );
});

test("Arbitrary bytes are parsed or refused with an ExpositionError", () => {
  const piece = fc.constantFrom(
    "a",
    "{",
    "}",
    '"',
    "=",
    ",",
    " ",
    "\n",
    "#",
    "# TYPE a gauge",
    "# EOF",
    "1",
    "\\",
    "e",
    ".",
    "\t",
    "\0",
    "é",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.constantFrom(undefined, OPENMETRICS),
      (pieces, contentType) => {
        try {
          parseExposition(pieces.join(""), contentType);
        } catch (error) {
          assert.equal(codeOf(error), "bad_exposition");
        }
      },
    ),
    { numRuns: 3000 },
  );
});
