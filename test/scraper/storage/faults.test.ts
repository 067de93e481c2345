import assert from "node:assert/strict";
import { test } from "node:test";
import { checkData } from "../../../scraper/storage/data-check.js";
import {
  appendRow,
  host,
  metric,
  openStorage,
  selectAll,
  START_MS,
  type Setup,
} from "./storage-fixture.js";

const PI = host("10.0.0.7");
const OTHER = host("10.0.0.8");
const at = (row: number): number => START_MS + row * 15_000;

/** Two hosts with the same layout, few enough rows to try every byte. */
async function smallStorage(rows: number): Promise<Setup> {
  const setup = await openStorage();
  for (let row = 0; row < rows; row++) {
    for (const key of [PI, OTHER]) appendRow(setup.storage, key, at(row), { a: row, b: 0.5 });
    await setup.storage.commit();
  }
  return setup;
}

const countOf = (answer: Record<string, string[]>): number =>
  Object.values(answer).reduce((sum, { length }) => sum + length, 0);

test("a power cut after any byte of a group commit loses nothing committed before, and no sample appears twice", async () => {
  const setup = await smallStorage(30);
  const committed = await selectAll(setup.storage);
  setup.files.fault = (operation) => (operation === "sync" ? "EIO" : undefined);
  for (let row = 30; row < 33; row++) {
    for (const key of [PI, OTHER])
      appendRow(setup.storage, key, at(row), { a: row, b: 0.5, [`new${row}`]: 1 });
  }
  await assert.rejects(setup.storage.commit());
  const journals = setup.files.paths().filter((name) => name.includes("/journal/"));
  const unsynced = Math.max(...journals.map((name) => setup.files.unsyncedBytes(name)));
  assert.ok(unsynced > 300, `${unsynced} bytes are at stake`);
  let best = 0;
  for (let kept = 0; kept <= unsynced; kept++) {
    const { storage } = await openStorage(setup.files.afterPowerCut(kept));
    const answer = await selectAll(storage);
    for (const [name, samples] of Object.entries(committed)) {
      assert.deepEqual(answer[name]?.slice(0, 30), samples, `${kept} bytes`);
      assert.equal(new Set(answer[name]).size, answer[name]?.length);
    }
    assert.equal(metric(storage, "damaged_records_total"), 0, `${kept} bytes`);
    assert.ok(countOf(answer) >= best, "more bytes, more samples");
    best = countOf(answer);
  }
  assert.ok(best > countOf(committed));
});

test("one flipped bit anywhere in the journals loses at most one row or chunk, and is reported", async () => {
  const setup = await smallStorage(30);
  const expected = await selectAll(setup.storage);
  const journals = setup.files.paths().filter((name) => name.includes("/journal/"));
  assert.ok(journals.length > 0);
  for (const filePath of journals) {
    const original = await setup.files.readBytes(filePath);
    for (let byte = 0; byte < original.length; byte++) {
      const damaged = Uint8Array.from(original);
      damaged[byte] = (damaged[byte] as number) ^ (1 << (byte % 8));
      const files = setup.files.afterPowerCut();
      files.put(filePath, damaged);
      const { storage } = await openStorage(files);
      const answer = await selectAll(storage);
      for (const [name, samples] of Object.entries(answer)) {
        assert.deepEqual(
          samples.filter((sample) => expected[name]?.includes(sample) !== true),
          [],
          `byte ${byte} of ${filePath}`,
        );
      }
      const lost = countOf(expected) - countOf(answer);
      assert.ok(lost <= 2 * 24, `byte ${byte} of ${filePath}: ${lost} samples lost`);
      const reported =
        metric(storage, "damaged_records_total") + metric(storage, "torn_tails_total");
      assert.ok(reported > 0, `byte ${byte} of ${filePath} is reported`);
    }
  }
});

test("removing journal segments while the program runs loses nothing that is in memory", async () => {
  const setup = await smallStorage(10);
  const { storage, files } = setup;
  for (const name of files.paths().filter((found) => found.includes("/journal/")))
    await files.remove(name);
  appendRow(storage, PI, at(10), { a: 10, b: 1 });
  await storage.commit().catch(() => undefined);
  appendRow(storage, PI, at(11), { a: 11, b: 1 });
  for (let attempt = 0; attempt < 3; attempt++) await storage.commit().catch(() => undefined);
  const again = await openStorage(files.afterPowerCut());
  assert.deepEqual(await selectAll(again.storage), await selectAll(storage));
});

test("after a power cut that keeps a chunk but not the row segment of its rows, later rows survive another one", async () => {
  const first = await openStorage();
  let row = 0;
  const append = ({ storage }: Setup): void => void appendRow(storage, PI, at(row), { a: row++ });
  while (row < 20) append(first);
  await first.storage.commit();
  const second = await openStorage(first.files.afterPowerCut());
  while (metric(second.storage, "chunks_sealed_total") === 0) append(second);
  second.files.fault = (_, name) => (name.endsWith("/journal-00000002") ? "EIO" : undefined);
  await assert.rejects(second.storage.commit(), { code: "EIO" });
  const third = await openStorage(second.files.afterPowerCut());
  assert.equal(countOf(await selectAll(third.storage)), row);
  append(third);
  await third.storage.commit();
  const fourth = await openStorage(third.files.afterPowerCut());
  assert.equal(countOf(await selectAll(fourth.storage)), row);
});

test("removing a block while the program runs affects no samples of other blocks", async () => {
  const setup = await smallStorage(30);
  for (let row = 30; row < 1000; row++)
    for (const key of [PI, OTHER]) appendRow(setup.storage, key, at(row), { a: row, b: 0.5 });
  await setup.storage.commit();
  await setup.storage.maintainBlocks();
  const all = await selectAll(setup.storage);
  const [gone = ""] = setup.files.paths().filter((name) => name.endsWith(".block"));
  await setup.files.remove(gone);
  const again = await openStorage(setup.files.afterPowerCut());
  for (const { storage } of [setup, again]) {
    const answer = await selectAll(storage);
    for (const [name, samples] of Object.entries(all)) {
      const left = answer[name] ?? [];
      const isOfOther = name.includes("10.0.0.8");
      // Samples of the host itself remain when they are cached, open or still in the journal.
      if (isOfOther) assert.equal(left.length, samples.length, name);
      assert.deepEqual(
        left.filter((sample) => !samples.includes(sample)),
        [],
        name,
      );
    }
    assert.equal(appendRow(storage, PI, at(1000), { a: 1, b: 1 }), "appended");
  }
});

test("a check of the data folder finds no problem in sound files, and names each damaged file", async () => {
  const setup = await smallStorage(30);
  for (let row = 30; row < 1000; row++)
    appendRow(setup.storage, PI, at(row), { a: row, b: Math.sqrt(row) });
  await setup.storage.commit();
  await setup.storage.maintainBlocks();
  const sound = await checkData("/data", setup.files);
  assert.deepEqual(sound.problems, []);
  assert.ok(sound.blocks > 0 && sound.journalSegments === 2 && sound.journalRecords > 1000);
  for (const filePath of setup.files.paths().filter((name) => /journal\/|\.block$/.test(name))) {
    const original = await setup.files.readBytes(filePath);
    const damaged = Uint8Array.from(original);
    damaged[original.length >> 1] = (damaged[original.length >> 1] as number) ^ 1;
    setup.files.put(filePath, damaged);
    const { problems } = await checkData("/data", setup.files);
    assert.deepEqual([...new Set(problems.map(({ path }) => path))], [filePath]);
    setup.files.put(filePath, original);
  }
});

test("a snapshot opens as a data folder with the same samples", async () => {
  const setup = await smallStorage(30);
  for (let row = 30; row < 1000; row++)
    appendRow(setup.storage, PI, at(row), { a: row, b: Math.sqrt(row) });
  await setup.storage.maintainBlocks();
  const copied = await setup.storage.snapshot("/data/snapshots/one");
  assert.ok(copied >= 3);
  const files = setup.files.afterPowerCut();
  await files.removeTree("/data/journal");
  await files.removeTree("/data/hosts");
  await files.rename("/data/snapshots/one/journal", "/data/journal");
  await files.rename("/data/snapshots/one/hosts", "/data/hosts");
  assert.deepEqual(
    await selectAll((await openStorage(files)).storage),
    await selectAll(setup.storage),
  );
});
