import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../../exporter/shared/journal/byte-writer.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { DefinitionReader } from "../../../../scraper/storage/codec/definition-reader.js";
import { RECORD_KINDS } from "../../../../scraper/storage/codec/journal-records.js";
import { writeLabelSets } from "../../../../scraper/storage/codec/label-set-codec.js";
import { writeRuns } from "../../../../scraper/storage/codec/number-runs.js";
import { LayoutRegistry } from "../../../../scraper/storage/model/layout-registry.js";
import { NEVER_PAUSE } from "../../../../scraper/storage/model/querier.js";
import {
  mergeDuplicateSeries,
  type TableOfTarget,
} from "../../../../scraper/storage/selection/unique-series.js";

const TARGET = Labels.of({ instance: "pi:8732", job: "pi" });

function tableOf(names: readonly string[], value: number, source?: object): TableOfTarget {
  const own = names.map((name) => Labels.of({ __name__: name }));
  const series = own.map((labels) => ({
    labels: Labels.of([...labels.pairs, ...TARGET.pairs]),
    values: Float64Array.of(value),
    dense: true,
  }));
  const table = { timestamps: Float64Array.of(names.length === 0 ? 0 : value), series };
  return { target: TARGET, own, table, ...(source === undefined ? {} : { source }) };
}

const [wide, other] = [{}, {}];

for (const { name, tables, expected } of [
  {
    name: "parts of one table",
    tables: [tableOf(["a"], 1, wide), tableOf(["b"], 2, wide)],
    expected: ["a 1", "b 2"],
  },
  {
    name: "a wide table whose first part is empty, and a table with the same target",
    tables: [tableOf([], 1, wide), tableOf(["a", "b"], 2, wide), tableOf(["a"], 3)],
    expected: ["a 2,3", "b 2"],
  },
  {
    name: "two wide tables with the same target",
    tables: [
      tableOf(["a"], 1, wide),
      tableOf(["b"], 2, wide),
      tableOf(["b"], 3, other),
      tableOf(["c"], 4, other),
    ],
    expected: ["a 1", "b 2,3", "c 4"],
  },
]) {
  test(`Each series occurs once in an answer: ${name}`, async () => {
    const merged = await mergeDuplicateSeries(tables, NEVER_PAUSE);
    const found = merged.flatMap(({ timestamps, series }) =>
      series.map(({ labels }) => `${labels.name} ${[...timestamps].join()}`),
    );
    assert.deepEqual(found.sort(), expected);
  });
}

test("A layout that names a series twice is damage", () => {
  const registry = new LayoutRegistry();
  const definitions = new DefinitionReader(registry);
  const series = new ByteWriter();
  series.varint(0);
  writeLabelSets([[["__name__", "a"]], [["__name__", "a"]], [["__name__", "b"]]], series);
  definitions.take(RECORD_KINDS.series, new ByteReader(series.copy()));
  for (const numbers of [
    [0, 1],
    [2, 0, 2],
  ]) {
    const layout = new ByteWriter();
    layout.varint(1);
    writeRuns(Uint32Array.from(numbers), layout);
    assert.throws(
      () => definitions.take(RECORD_KINDS.layout, new ByteReader(layout.copy())),
      /its layout has a series twice/,
    );
  }
});
