import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExposition } from "../../../exporter/shared/codec/exposition/exposition-parser.js";
import { ExpositionError } from "../../../exporter/shared/codec/exposition/exposition-parser-error.js";
import type { BodyChunk } from "../../../scraper/scrape/body-chunk.js";
import { BodyChunkCache } from "../../../scraper/scrape/body-chunk-cache.js";
import { BodyReader } from "../../../scraper/scrape/body-reader.js";
import { RowBuffer } from "../../../scraper/scrape/row-buffer.js";

/** Reads bodies one after the other, as one target's are, into `label set value timestamp` lines. */
function createReader(): { read(body: string): string[]; chunks: () => readonly BodyChunk[] } {
  const row = new RowBuffer();
  const reader = new BodyReader(new BodyChunkCache(), row);
  let chunks: readonly BodyChunk[] = [];
  return {
    chunks: () => chunks,
    read(body) {
      chunks = reader.read(Buffer.from(body), "text", chunks, 0);
      const series = chunks.flatMap((chunk) => chunk.series);
      assert.equal(series.length, reader.sampleCount);
      return series.map(
        ({ labels }, index) => `${labels.key} ${row.values[index]} ${reader.timestamps.get(index)}`,
      );
    },
  };
}

const readWhole = (body: string): string[] =>
  parseExposition(body).samples.map(
    ({ labels, value, timestampMs }) => `${labels.key} ${value} ${timestampMs}`,
  );

const line = fc
  .record({
    label: fc.constantFrom(
      "",
      '{x="1"}',
      '{x="2",y="long enough to be compared by words"}',
      '{ z = "ä\\n" , }',
    ),
    space: fc.constantFrom(" ", " ", " ", "  ", "\t"),
    value: fc.oneof(
      fc.integer().map(String),
      fc.double().map((value) => String(value).replace("Infinity", "Inf")),
    ),
    tail: fc.constantFrom("", "", "", "", " 1000", " "),
  })
  .map(({ label, space, value, tail }) => ({ label, rest: `${space}${value}${tail}\n` }));

const family = fc
  .record({
    name: fc.constantFrom("a", "b", "c", "some_longer_metric_name", "another_metric_name_total"),
    comment: fc.constantFrom(
      "",
      "# HELP {} Text.\n",
      "# HELP {} Text.\n# TYPE {} gauge\n",
      "# a remark\n",
      "\n",
    ),
    lines: fc.array(line, { maxLength: 30 }),
  })
  .map(({ name, comment, lines }) => {
    return (
      comment.replaceAll("{}", name) + lines.map(({ label, rest }) => name + label + rest).join("")
    );
  });

/** Bodies that share most of their families. */
const bodies = fc.array(family, { minLength: 1, maxLength: 12 }).chain((families) =>
  fc.array(
    fc
      .record({
        order: fc.shuffledSubarray(families, { minLength: 0 }),
        sorted: fc.boolean(),
        extra: fc.option(family, { nil: "" }),
      })
      .map(
        ({ order, sorted, extra }) =>
          (sorted ? families.filter((one) => order.includes(one)) : order).join("") + extra,
      ),
    { minLength: 2, maxLength: 6 },
  ),
);

test("Reading with known chunks yields the same as a full read, whatever changed", () => {
  fc.assert(
    fc.property(bodies, (texts) => {
      const reader = createReader();
      for (const text of texts) assert.deepEqual(reader.read(text), readWhole(text));
    }),
    { numRuns: 300 },
  );
});

const FAMILIES = Array.from(
  { length: 40 },
  (_, index) => `# TYPE m${index} gauge\nm${index}{a="b"} 1\n`,
);

test("An unchanged body keeps its chunks, whatever its values are", () => {
  const reader = createReader();
  reader.read(FAMILIES.join(""));
  const before = reader.chunks();
  reader.read(FAMILIES.join("").replaceAll(" 1\n", " -12.5e3\n"));
  assert.equal(reader.chunks(), before);
});

for (const { name, change, keptChunks } of [
  {
    name: "a family that comes",
    change: (list: string[]) => list.toSpliced(20, 0, "# TYPE new gauge\nnew 1\n"),
    keptChunks: 40,
  },
  { name: "a family that goes", change: (list: string[]) => list.toSpliced(20, 1), keptChunks: 39 },
  {
    name: "ten families that go",
    change: (list: string[]) => list.toSpliced(20, 10),
    keptChunks: 30,
  },
  {
    name: "a series that comes",
    change: (list: string[]) => list.with(7, `${list[7]}m7{a="c"} 2\n`),
    keptChunks: 39,
  },
  {
    name: "another help text",
    change: (list: string[]) => list.with(7, `# HELP m7 New.\n${list[7]}`),
    keptChunks: 39,
  },
]) {
  test(`Only changed parts are parsed again: ${name}`, () => {
    const reader = createReader();
    reader.read(FAMILIES.join(""));
    const before = new Set(reader.chunks());
    const changed = change(FAMILIES).join("");
    assert.deepEqual(reader.read(changed), readWhole(changed));
    assert.equal(reader.chunks().filter((chunk) => before.has(chunk)).length, keptChunks);
  });
}

test("Targets with equal families share their chunks", () => {
  const cache = new BodyChunkCache();
  const read = (body: string): readonly BodyChunk[] =>
    new BodyReader(cache, new RowBuffer()).read(Buffer.from(body), "text", [], 0);
  const first = read(FAMILIES.join(""));
  assert.deepEqual(
    read(FAMILIES.join("")).map(({ id }) => id),
    first.map(({ id }) => id),
  );
  const other = new Set(read(FAMILIES.with(3, 'm3{host="other"} 1\n').join("")));
  assert.equal(
    first.filter((chunk) => other.has(chunk)).length,
    38,
    "a remark in place of m3's comments joins m2 and m3",
  );
});

for (const { name, body } of [
  { name: "something after the end of OpenMetrics", body: "a 1\n# EOF\nb 1\n" },
  { name: "an end that is missing", body: "a 1\n" },
  { name: "a number that is none", body: "a 1x\n# EOF\n" },
]) {
  test(`A valid body before does not hide ${name}`, () => {
    const reader = new BodyReader(new BodyChunkCache(), new RowBuffer());
    const good = reader.read(Buffer.from("a 1\n# EOF\n"), "openmetrics", [], 0);
    assert.throws(() => reader.read(Buffer.from(body), "openmetrics", good, 0), ExpositionError);
  });
}
