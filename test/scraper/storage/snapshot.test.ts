import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDataFolder } from "../../../scraper/program/commands/check-data.js";
import { snapshotName } from "../../../scraper/storage/snapshot.js";
import { MemoryFiles } from "../../support/memory-files.js";
import {
  appendRow,
  host,
  openStorage,
  selectAll,
  type Setup,
  START_MS,
} from "./storage-fixture.js";

const PI = host("10.0.0.7");
const SNAPSHOT = "/data/snapshots/one";
const STEP_MS = 60_000;

async function run({ storage, clock }: Setup, from: number, until: number): Promise<void> {
  for (let row = from; row < until; row++) {
    appendRow(storage, PI, START_MS + row * STEP_MS, { a: row, b: Math.sqrt(row) });
    await clock.advance(STEP_MS);
    if (row % 10 !== 0) continue;
    await storage.maintainJournal();
    await storage.maintainBlocks();
  }
  await storage.commit();
}

/** A disk that holds only a snapshot, as its data folder. */
async function restored(files: MemoryFiles): Promise<MemoryFiles> {
  const disk = new MemoryFiles();
  for (const filePath of files.paths()) {
    if (filePath.startsWith(`${SNAPSHOT}/`))
      disk.put(filePath.replace(SNAPSHOT, "/data"), await files.readBytes(filePath));
  }
  return disk;
}

/** Runs `act` right before a file is read for the first time, as the program may act meanwhile. */
function beforeFirstRead(files: MemoryFiles, part: string, act: () => Promise<void>): void {
  const { readBytes } = files;
  let isDone = false;
  files.readBytes = async (filePath) => {
    if (!isDone && filePath.includes(part)) {
      isDone = true;
      await act();
    }
    return readBytes.call(files, filePath);
  };
}

for (const { name, part } of [
  { name: "before rows are copied", part: "/journal/journal-" },
  { name: "before chunks are copied", part: "/journal/chunks-" },
  { name: "before blocks are copied", part: ".block" },
]) {
  test(`a snapshot has every sample although rows move and blocks are merged meanwhile: ${name}`, async () => {
    const setup = await openStorage();
    await run(setup, 0, 700);
    const expected = await selectAll(setup.storage);
    beforeFirstRead(setup.files, part, () => run(setup, 700, 1600));
    await setup.storage.snapshot(SNAPSHOT);
    const { storage } = await openStorage(await restored(setup.files));
    const answer = await selectAll(storage);
    assert.ok(Object.keys(expected).length > 0);
    for (const [series, samples] of Object.entries(expected))
      assert.deepEqual(answer[series]?.slice(0, samples.length), samples);
  });
}

test("a snapshot without the head holds blocks only", async () => {
  const setup = await openStorage();
  await run(setup, 0, 700);
  await setup.storage.snapshot(SNAPSHOT, { withHead: false });
  const copied = setup.files.paths().filter((filePath) => filePath.startsWith(SNAPSHOT));
  const others = copied.filter((filePath) => !filePath.endsWith(".block"));
  assert.deepEqual(others, [`${SNAPSHOT}/inventory`]);
  assert.ok(copied.length > 1);
});

test("a second snapshot at the same time is refused, and a failed snapshot leaves no files", async () => {
  const setup = await openStorage();
  await run(setup, 0, 300);
  const first = setup.storage.snapshot(SNAPSHOT);
  await assert.rejects(setup.storage.snapshot("/data/snapshots/two"), { code: "unavailable" });
  await first;
  setup.files.fault = (operation) => (operation === "replace" ? "ENOSPC" : undefined);
  await assert.rejects(setup.storage.snapshot("/data/snapshots/three"), { code: "ENOSPC" });
  setup.files.fault = () => undefined;
  assert.deepEqual(
    setup.files.paths().filter((name) => /two|three/.test(name)),
    [],
  );
  await setup.storage.snapshot("/data/snapshots/four");
});

test("names of snapshots begin with their time", () => {
  assert.equal(snapshotName(Date.UTC(2026, 0, 12, 15), 0.5), "20260112T150000Z-800000000000");
});

test("the data check reports sound data, the place of damage, and folders that hold no data", async () => {
  const setup = await openStorage();
  await run(setup, 0, 300);
  const whole = await checkDataFolder("/data", setup.files);
  assert.equal(whole.succeeded, true);
  assert.match(whole.lines.join(), /^SUCCESS: \/data is intact: \d+ blocks, \d+ journal files/);
  const block = setup.files.paths().find((name) => name.endsWith(".block"));
  assert.ok(block !== undefined);
  const bytes = await setup.files.readBytes(block);
  bytes[20] = (bytes[20] as number) ^ 4;
  setup.files.put(block, bytes);
  const damaged = await checkDataFolder("/data", setup.files);
  assert.equal(damaged.succeeded, false);
  assert.ok(damaged.lines[0]?.startsWith(`DAMAGED: ${block} at byte`), damaged.lines[0]);
  setup.files.fault = (operation, name) =>
    operation === "list" && name.endsWith("/blocks") ? "EACCES" : undefined;
  assert.match((await checkDataFolder("/data", setup.files)).lines.join(), /NO PERMISSION.*EACCES/);
  for (const folder of ["/nowhere", "/data/hosts"])
    assert.equal((await checkDataFolder(folder, setup.files)).succeeded, false, folder);
});
