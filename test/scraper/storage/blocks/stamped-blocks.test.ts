import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type { ReadFile } from "../../../../exporter/shared/platform/files.js";
import { ColumnEncoder } from "../../../../scraper/storage/codec/column-codec.js";
import { type SliceBytes, SliceReader } from "../../../../scraper/storage/codec/slice-reader.js";
import { SliceWriter } from "../../../../scraper/storage/codec/stamped-slices.js";
import type { SeriesSamples } from "../../../../scraper/storage/model/stamped.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import {
  ALWAYS,
  host,
  metric,
  openStorage,
  selectAll,
  selectName,
  type Setup,
  START_MS,
} from "../storage-fixture.js";

const PI = host("10.0.0.7");
const STEP_MS = 30_000;
const FIRST_MS = START_MS - 108_000_000;
const NAMES = 20;
const SERIES_OF_NAME = 20;
const SERIES = NAMES * SERIES_OF_NAME;

type Labeled = SeriesSamples & { readonly labels: Labels };

const timeOf = (series: number, step: number): number =>
  FIRST_MS + step * STEP_MS + ((series * 373) % STEP_MS);

/** Series of several names, each with an offset of its own. */
function samplesOf(from: number, until: number): Labeled[] {
  const steps = Array.from({ length: until - from }, (_, index) => from + index);
  return Array.from({ length: SERIES }, (_, series) => ({
    labels: Labels.of({ __name__: `m${series % NAMES}`, i: String(series) }),
    timestamps: Float64Array.from(steps, (step) => timeOf(series, step)),
    values: Float64Array.from(steps, (step) => series + step * (series % 7)),
  }));
}

/** Counts what is read of blocks. */
class CountingFiles extends MemoryFiles {
  bytesRead = 0;
  reads = 0;

  override async openRead(filePath: string): Promise<ReadFile> {
    const file = await super.openRead(filePath);
    if (!filePath.endsWith(".block")) return file;
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = await file.read(offset, length);
      this.bytesRead += bytes.length;
      this.reads++;
      return bytes;
    };
    return { sizeBytes: file.sizeBytes, read, close: () => file.close() };
  }
}

async function imported(until: number): Promise<Setup & { files: CountingFiles }> {
  const files = new CountingFiles();
  const setup = await openStorage(files);
  await setup.storage.blockImport.write(PI, samplesOf(0, until));
  return { ...setup, files };
}

const blockPaths = (files: MemoryFiles): string[] =>
  files.paths().filter((name) => name.endsWith(".block"));

const blockBytes = (files: MemoryFiles): number =>
  blockPaths(files).reduce((sum, file) => sum + files.sizeOf(file), 0);

test("Samples of the past go straight to blocks, in fewer than three bytes each and without the journal", async () => {
  const { storage, files } = await imported(300);
  const samples = 300 * SERIES;
  assert.ok(blockBytes(files) < 3 * samples, `${blockBytes(files)} bytes for ${samples} samples`);
  assert.equal(metric(storage, "samples_appended_total"), 0);
  const again = await openStorage(files.afterPowerCut());
  const answer = await selectAll(again.storage);
  assert.equal(Object.keys(answer).length, SERIES);
  assert.equal(Object.values(answer).flat().length, samples);
});

test("A query reads the slices of its series in its range, and neighbors in one read", async () => {
  const { files } = await imported(2400);
  const whole = blockBytes(files);
  const measure = async (name: string, range = ALWAYS): Promise<[number, number]> => {
    const { storage } = await openStorage(files);
    await selectName(storage, "none"); // Reads the directories.
    files.bytesRead = files.reads = 0;
    const matching =
      name === "" ? await selectAll(storage, range) : await selectName(storage, name, range);
    assert.ok(Object.keys(matching).length > 0);
    return [files.bytesRead, files.reads];
  };
  const minutes = { fromMs: timeOf(0, 2390), untilMs: timeOf(0, 2400) };
  const [all, allReads] = await measure("");
  assert.ok(all > 0.9 * whole && allReads < 20 * blockPaths(files).length, `${allReads} reads`);
  const [ofName] = await measure("m7");
  assert.ok(ofName < (4 * whole) / NAMES, `${ofName} of ${whole} bytes for one of ${NAMES} names`);
  const [ofMinutes] = await measure("", minutes);
  assert.ok(ofMinutes < whole / 10, `${ofMinutes} of ${whole} bytes for ten of 2400 steps`);
  const [ofBoth] = await measure("m7", minutes);
  assert.ok(ofBoth < whole / 100, `${ofBoth} of ${whole} bytes for one name and ten steps`);
});

test("A second query of blocks reads nothing, and an import twice stores each sample once", async () => {
  const { storage, files } = await imported(100);
  const answer = await selectAll(storage);
  files.reads = 0;
  assert.deepEqual(await selectAll(storage), answer);
  assert.equal(files.reads, 0);
  const other = samplesOf(0, 100).map((series) => ({
    ...series,
    values: series.values.map(() => 7),
  }));
  await storage.blockImport.write(PI, other);
  assert.deepEqual(await selectAll(storage), answer);
});

test("Stamped samples that are not in blocks yet win over imported ones, as they came first", async () => {
  const { storage, files } = await openStorage();
  const labels = Labels.of({ __name__: "m0", i: "0" });
  const timestamps = Float64Array.of(timeOf(0, 3));
  const samples = { layout: storage.internLayout([labels]), columns: undefined, timestamps };
  storage.openTable(PI).appendStamped({ ...samples, values: Float64Array.of(99) });
  await storage.blockImport.write(PI, [
    {
      labels,
      timestamps: Float64Array.of(timeOf(0, 2), timeOf(0, 3)),
      values: Float64Array.of(1, 2),
    },
  ]);
  const values = (answer: Record<string, string[]>): string[] =>
    Object.values(answer)
      .flat()
      .map((sample) => sample.split(":")[1] ?? "");
  assert.deepEqual(values(await selectAll(storage)), ["1", "99"]);
  const again = await openStorage(files.afterPowerCut());
  assert.deepEqual(values(await selectAll(again.storage)), ["1", "99"]);
});

test("Blocks of stamped samples are merged, a section at a time, also with older versions", async () => {
  const { storage } = await openStorage();
  for (let from = 0; from < 300; from += 100)
    await storage.blockImport.write(PI, samplesOf(from, from + 100));
  // The span of a merge must have ended.
  await storage.blockImport.write(PI, [
    {
      labels: Labels.of({ __name__: "later" }),
      timestamps: Float64Array.of(START_MS + 4 * 86_400_000),
      values: Float64Array.of(1),
    },
  ]);
  const before = await selectAll(storage);
  await storage.maintainBlocks();
  assert.ok(metric(storage, "compactions_total") >= 1);
  assert.deepEqual(await selectAll(storage), before);
});

test("A damaged slice loses its samples and no others", async () => {
  const { storage, files } = await imported(1000);
  const before = await selectAll(storage);
  const [file = ""] = blockPaths(files);
  const bytes = Buffer.from(await files.readBytes(file));
  bytes.writeUInt8(bytes.readUInt8(2000) ^ 0xff, 2000);
  files.put(file, bytes);
  const again = await openStorage(files);
  const after = await selectAll(again.storage);
  let lost = 0;
  for (const [labels, samples] of Object.entries(before)) {
    const found = new Set(after[labels] ?? []);
    for (const sample of found) assert.ok(samples.includes(sample), `${labels} ${sample}`);
    lost += samples.length - found.size;
  }
  assert.ok(lost > 0 && lost <= 64 * 192, `${lost} samples are lost`);
  assert.ok(metric(again.storage, "damaged_reads_total") >= 1);
});

test("Two blocks whose names are exchanged lose no sample", async () => {
  const { storage, files } = await openStorage();
  await storage.blockImport.write(PI, samplesOf(0, 50));
  await storage.blockImport.write(PI, samplesOf(50, 90));
  const before = await selectAll(storage);
  await storage.stop();
  const [left = "", right = ""] = blockPaths(files);
  const [ofLeft, ofRight] = [await files.readBytes(left), await files.readBytes(right)];
  files.put(left, ofRight);
  files.put(right, ofLeft);
  assert.deepEqual(await selectAll((await openStorage(files)).storage), before);
});

/** A section of its own, to count what is decoded. */
async function oneSection(all: readonly SeriesSamples[]): Promise<SliceBytes[]> {
  const slices: SliceBytes[] = [];
  const writer = new SliceWriter(new ColumnEncoder(), async (bytes) => {
    slices.push({ bytes: bytes.slice(), samples: 0 });
  });
  await writer.writeSection({ series: Uint32Array.from(all.keys()), parts: [all] });
  return slices;
}

test("Only wanted columns are decoded, and equal times once", async () => {
  const timestamps = Float64Array.from({ length: 100 }, (_, row) => timeOf(0, row));
  const own = timestamps.map((ms) => ms + 5);
  const section = [timestamps, timestamps, timestamps, own].map((times, series) => ({
    timestamps: times,
    values: times.map((_, row) => series * 1000 + row),
  }));
  const [slice] = await oneSection(section);
  assert.ok(slice !== undefined);
  const reader = new SliceReader({ fromMs: timeOf(0, 10), untilMs: timeOf(0, 13) });
  const found = reader.read([{ ...slice, samples: 400 }], 4, [0, 2]);
  assert.deepEqual(
    found.map(({ values }) => [...values]),
    [
      [10, 11, 12],
      [2010, 2011, 2012],
    ],
  );
  assert.equal(found[0]?.timestamps, found[1]?.timestamps);
  assert.equal(reader.decodedColumns, 3, "one list of times and two columns of values");
  assert.throws(() => reader.read([{ ...slice, samples: 399 }], 4, [0]), /says 399/);
});

test("A long series becomes slices of bounded length", async () => {
  const length = 10_000;
  // Half of the samples are close together.
  const timestamps = Float64Array.from({ length }, (_, row) =>
    row < length / 2 ? row : length / 2 + row * STEP_MS,
  );
  const slices = await oneSection([{ timestamps, values: timestamps }]);
  const read = new SliceReader(ALWAYS);
  const found = slices.map(({ bytes }) => {
    for (let samples = 1; samples <= 192; samples++) {
      try {
        return read.read([{ bytes, samples }], 1, [0])[0]?.values ?? [];
      } catch {
        // It has another number of samples.
      }
    }
    return assert.fail("a slice has more than 192 samples");
  });
  assert.deepEqual(
    found.flatMap((values) => [...values]),
    [...timestamps],
  );
  assert.ok(slices.length < 4 * (length / 192), `${slices.length} slices`);
});
