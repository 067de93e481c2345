import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { Journal } from "../../../exporter/shared/journal/journal.js";
import { scanSegment } from "../../../exporter/shared/journal/segment.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { parseBlockName } from "../../../scraper/storage/blocks/block-name.js";
import { BlockReader } from "../../../scraper/storage/blocks/block-reader.js";
import { writeBlock, writeStampedBlock } from "../../../scraper/storage/codec/block-codec.js";
import { sectionsOf } from "../../../scraper/storage/blocks/stamped-writer.js";
import { codedSection } from "../../../scraper/storage/codec/block-sections.js";
import { ColumnEncoder, decodeColumn } from "../../../scraper/storage/codec/column-codec.js";
import { encodeRow, decodeRow } from "../../../scraper/storage/codec/row-codec.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { REPOSITORY } from "../../support/repository.js";
import { ABSENT, column, openStorage, selectAll, STALE, type Value } from "./storage-fixture.js";

const golden = (name: string): Uint8Array =>
  readFileSync(path.join(REPOSITORY, "test/golden", name));

/** One column for each way of coding. Never change them: a new way gets a new entry at the end. */
export const GOLDEN_COLUMNS: readonly (readonly Value[])[] = [
  [7, 7, 7, 7],
  [0, 1, 3, 6, 10, 15, 21, 28],
  [1000, 1010, 1020, 1020, 1020, 1020, 1020, 1050],
  [5, -3, 5, -3, 5, 4, -3, 5],
  [0.25, 0.5, 1.75, 12.01],
  [0.001 * 17, 0.001 * 23, 0.001 * 99],
  [123456.789 / 1000 / 1000, 2, 3],
  [Math.PI, Math.E, Math.SQRT2, 1e300],
  [ABSENT, ABSENT, 3, 4, STALE, STALE, NaN, 5],
  [Infinity, -Infinity, -0, 0, NaN],
  [2 ** 53 - 1, 2 ** 53 - 3, 2 ** 53 - 9],
];

export function goldenColumns(): Uint8Array {
  const writer = new ByteWriter();
  for (const values of GOLDEN_COLUMNS) new ColumnEncoder().encode(column(values), writer);
  return writer.copy();
}

export function goldenRow(): Uint8Array {
  const writer = new ByteWriter();
  encodeRow(column(GOLDEN_COLUMNS.flat()), writer);
  return writer.copy();
}

export async function goldenJournal(): Promise<Uint8Array> {
  const files = new MemoryFiles();
  await files.makeFolder("/j");
  const journal = new Journal({
    files,
    folder: "/j",
    prefix: "journal",
    maxPendingBytes: 1e6,
    firstSequence: 3,
  });
  for (const text of ["first", "second", "third"])
    journal.append(text.length, (writer) => writer.text(text));
  await journal.close();
  return files.readBytes("/j/journal-00000003");
}

export async function goldenStampedBlock(): Promise<Uint8Array> {
  const startMs = 1_768_233_600_000;
  const shared = Float64Array.from({ length: 8 }, (_, row) => startMs + row * 15_000);
  const samples = GOLDEN_COLUMNS.map((values, number) => ({
    timestamps:
      values.length === 8 ? shared : shared.subarray(0, values.length).map((ms) => ms + number),
    values: column(values),
  }));
  const writer = new ByteWriter();
  const content = {
    target: Labels.of({ instance: "10.0.0.7:8732", job: "pi" }),
    series: GOLDEN_COLUMNS.map((_, index) => Labels.of({ __name__: `golden_${index}` })),
    sections: sectionsOf(samples),
  };
  await writeStampedBlock(content, async (bytes) => writer.raw(bytes));
  return writer.copy();
}

export async function goldenBlock(): Promise<Uint8Array> {
  const timestamps = Float64Array.from({ length: 8 }, (_, row) => 1_768_233_600_000 + row * 15_000);
  const columns = GOLDEN_COLUMNS.map((values) =>
    column(Array.from(timestamps, (_, row) => values[row] ?? ABSENT)),
  );
  const sections = [timestamps.subarray(0, 5), timestamps.subarray(5)].map((times, part) => {
    const from = part * 5;
    const numbers = Uint32Array.from(columns.keys());
    return codedSection(times, numbers, async (first, until) =>
      columns.slice(first, until).map((values) => values.slice(from, from + times.length)),
    );
  });
  const target = Labels.of({ instance: "10.0.0.7:8732", job: "pi" });
  const series = columns.map((_, index) => Labels.of({ __name__: `golden_${index}` }));
  const writer = new ByteWriter();
  await writeBlock({ target, isLate: false, series, sections }, async (bytes) => writer.raw(bytes));
  return writer.copy();
}

const bitsOfColumn = (values: Float64Array): bigint[] => [
  ...new BigUint64Array(values.buffer, values.byteOffset, values.length),
];

test("columns of version 1 are read and written byte for byte as before", () => {
  assert.deepEqual(Buffer.from(goldenColumns()), golden("columns-v1.bin"));
  const reader = new ByteReader(golden("columns-v1.bin"));
  for (const values of GOLDEN_COLUMNS) {
    const found = new Float64Array(values.length);
    decodeColumn(reader, found);
    assert.deepEqual(bitsOfColumn(found), bitsOfColumn(column(values)));
  }
});

test("rows of version 1 are read and written byte for byte as before", () => {
  assert.deepEqual(Buffer.from(goldenRow()), golden("row-v1.bin"));
  const found = new Float64Array(GOLDEN_COLUMNS.flat().length);
  decodeRow(new ByteReader(golden("row-v1.bin")), found);
  assert.deepEqual(bitsOfColumn(found), bitsOfColumn(column(GOLDEN_COLUMNS.flat())));
});

test("a journal of version 1 is read and written byte for byte as before", async () => {
  assert.deepEqual(Buffer.from(await goldenJournal()), golden("journal-v1.bin"));
  const texts: string[] = [];
  scanSegment({ sequence: 3, path: "golden" }, golden("journal-v1.bin"), {
    onRecord: (kind, payload) => texts.push(`${kind}:${new ByteReader(payload).text()}`),
    onDamage: () => assert.fail("damaged"),
  });
  assert.deepEqual(texts, ["5:first", "6:second", "5:third"]);
});

test("a block of version 3 is written byte for byte as before", async () => {
  assert.deepEqual(Buffer.from(await goldenBlock()), golden("block-v3.block"));
});

for (const version of [1, 2, 3]) {
  test(`a block of version ${version} is read as before`, async () => {
    const files = new MemoryFiles();
    const name = "1768233600000-1768233705001-1.block";
    files.put(`/data/hosts/10.0.0.7/blocks/${name}`, golden(`block-v${version}.block`));
    const block = parseBlockName("hosts/10.0.0.7", name);
    assert.ok(block !== undefined);
    const reader = new BlockReader(files, "/data");
    const columns = await reader.columns(block, [...GOLDEN_COLUMNS.keys()]);
    GOLDEN_COLUMNS.forEach((values, index) => {
      const expected = column(Array.from({ length: 8 }, (_, row) => values[row] ?? ABSENT));
      assert.deepEqual(bitsOfColumn(itemAt(columns, index)), bitsOfColumn(expected));
    });
    assert.deepEqual(await reader.verify(block), []);
    assert.equal(
      Object.keys(await selectAll((await openStorage(files)).storage)).length,
      GOLDEN_COLUMNS.length,
    );
  });
}

test("A block of version 5 is written byte for byte as before", async () => {
  assert.deepEqual(Buffer.from(await goldenStampedBlock()), golden("block-v5.block"));
});

for (const version of [4, 5]) {
  test(`A block of stamped samples of version ${version} is read as before`, async () => {
    const files = new MemoryFiles();
    const name = "1768233600000-1768233705001-1.block";
    files.put(`/data/hosts/10.0.0.7/blocks/${name}`, golden(`block-v${version}.block`));
    const { storage } = await openStorage(files);
    const answer = await selectAll(storage);
    const found = GOLDEN_COLUMNS.map(
      (_, index) => answer[`golden_${index}{instance="10.0.0.7:8732", job="pi"}`],
    );
    assert.deepEqual(
      found.map((samples) => samples?.map((sample) => sample.split(":")[1])),
      GOLDEN_COLUMNS.map((values) =>
        values
          .filter((value) => value !== ABSENT)
          .map((value) => (value === STALE ? "stale" : String(value))),
      ),
    );
  });
}
