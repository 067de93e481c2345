import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../../../exporter/shared/journal/byte-writer.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { parseBlockName } from "../../../../scraper/storage/blocks/block-name.js";
import { BlockReader } from "../../../../scraper/storage/blocks/block-reader.js";
import { codedSection } from "../../../../scraper/storage/codec/block-sections.js";
import { writeBlock, writeStampedBlock } from "../../../../scraper/storage/codec/block-codec.js";
import { sectionsOf } from "../../../../scraper/storage/blocks/stamped-writer.js";
import { DamagedDataError } from "../../../../scraper/storage/model/damage.js";
import type { StampedSectionContent } from "../../../../scraper/storage/codec/stamped-slices.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const START_MS = 1_768_233_600_000;
const TARGET = Labels.of({ instance: "10.0.0.7:8732", job: "pi" });
const TIMES = Float64Array.of(START_MS, START_MS + 15_000);
const VALUES = Float64Array.of(1, 2);

const seriesOf = (names: readonly string[]): Labels[] =>
  names.map((name) => Labels.of({ __name__: name, a: "b" }));

async function plain(names: readonly string[], numbers: readonly number[]): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const section = codedSection(TIMES, Uint32Array.from(numbers), async (first, until) =>
    numbers.slice(first, until).map(() => VALUES),
  );
  const content = { target: TARGET, isLate: false, series: seriesOf(names), sections: [section] };
  await writeBlock(content, async (bytes) => writer.raw(bytes));
  return writer.copy();
}

async function stamped(names: readonly string[], numbers: readonly number[]): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const sections = sectionsOf(numbers.map(() => ({ timestamps: TIMES, values: VALUES })));
  const named: StampedSectionContent[] = [];
  for await (const { parts } of sections) named.push({ series: Uint32Array.from(numbers), parts });
  const content = { target: TARGET, series: seriesOf(names), sections: named };
  await writeStampedBlock(content, async (bytes) => writer.raw(bytes));
  return writer.copy();
}

const CASES = [
  { name: "each series once", names: ["x", "y"], numbers: [0, 1], refusal: undefined },
  { name: "a series listed twice", names: ["x", "x"], numbers: [0, 1], refusal: /series has one/ },
  { name: "a column twice", names: ["x", "y"], numbers: [1, 1], refusal: /has a series twice/ },
];

for (const [kind, write] of Object.entries({ plain, stamped }))
  for (const { name, names, numbers, refusal } of CASES)
    test(`a crafted ${kind} block with ${name} is ${refusal ? "damaged" : "read"}`, async () => {
      const files = new MemoryFiles();
      const file = `${START_MS}-${START_MS + 15_001}-1.block`;
      files.put(`/data/hosts/10.0.0.7/blocks/${file}`, await write(names, numbers));
      const block = parseBlockName("hosts/10.0.0.7", file);
      assert.ok(block !== undefined);
      const reader = new BlockReader(files, "/data");
      const problems = await reader.verify(block);
      if (refusal === undefined) {
        assert.deepEqual(problems, []);
        assert.equal((await reader.directory(block)).series.length, 2);
      } else {
        assert.match(problems.join(), refusal);
        await assert.rejects(reader.directory(block), DamagedDataError);
      }
    });
