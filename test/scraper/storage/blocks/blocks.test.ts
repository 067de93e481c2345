import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Answer,
  appendRow,
  host,
  metric,
  openStorage,
  selectAll,
  type Setup,
  STALE,
  START_MS,
  type Value,
} from "../storage-fixture.js";
import { assertEvery } from "../../../support/assert-every.js";

const PI = host("10.0.0.7");
const STEP_MS = 60_000;
const HOUR_ROWS = 60;

const rowAt = (index: number): Record<string, Value> => ({
  counter: index * 17,
  noisy: Math.sin(index) * 100,
  decimals: Math.round(Math.cos(index) * 1000) / 1000,
  constant: 42,
  ended: index % 100 === 99 ? STALE : 1,
  ...(index % 7 < 4 ? { coming: index } : {}),
});

/** Appends rows and runs the maintenance of a storage, without its timers. */
async function run({ storage, clock }: Setup, from: number, until: number): Promise<void> {
  for (let index = from; index < until; index++) {
    appendRow(storage, PI, START_MS + index * STEP_MS, rowAt(index));
    await clock.advance(STEP_MS);
    if (index % 5 === 0) {
      await storage.commit();
      await storage.maintainJournal();
      await storage.maintainBlocks();
    }
  }
  await storage.commit();
}

const blockPaths = ({ files }: Setup): string[] =>
  files.paths().filter((name) => name.endsWith(".block"));

async function expectedAnswer(rows: number): Promise<Answer> {
  const plain = await openStorage();
  for (let index = 0; index < rows; index++)
    appendRow(plain.storage, PI, START_MS + index * STEP_MS, rowAt(index));
  return selectAll(plain.storage);
}

test("rows move to blocks in the folder of their host, and queries return the same samples", async () => {
  const setup = await openStorage();
  await run(setup, 0, 10 * HOUR_ROWS);
  assert.ok(metric(setup.storage, "blocks_written_total") >= 4);
  assertEvery(blockPaths(setup), (name) => name.startsWith("/data/hosts/10.0.0.7/blocks/"));
  const expected = await expectedAnswer(10 * HOUR_ROWS);
  assert.deepEqual(await selectAll(setup.storage), expected);
  const again = await openStorage(setup.files.afterPowerCut());
  assert.deepEqual(await selectAll(again.storage), expected);
});

test("blocks are merged into longer ones, and journals do not grow", async () => {
  const setup = await openStorage();
  await run(setup, 0, 40 * HOUR_ROWS);
  assert.ok(metric(setup.storage, "compactions_total") >= 2);
  assert.ok(blockPaths(setup).length <= 10, blockPaths(setup).join());
  const journals = setup.files.paths().filter((name) => name.includes("/journal/"));
  assert.ok(journals.length <= 30, journals.join());
  assert.deepEqual(await selectAll(setup.storage), await expectedAnswer(40 * HOUR_ROWS));
});

test("late rows of many days move to overlapping blocks, and queries merge them", async () => {
  const setup = await openStorage();
  const { storage } = setup;
  await run(setup, 0, 6 * HOUR_ROWS);
  for (let index = -3000; index < 0; index++) {
    assert.equal(appendRow(storage, PI, START_MS + index * STEP_MS, { counter: index }), "late");
  }
  // Half an hour of a new series, and of one that was scraped: the first sample written stays.
  for (let index = 0; index < 30; index++) {
    assert.equal(
      appendRow(storage, PI, START_MS + index * STEP_MS, { counter: -1, filled: index }),
      "late",
    );
  }
  const before = await selectAll(storage);
  await run(setup, 6 * HOUR_ROWS, 14 * HOUR_ROWS);
  const after = await selectAll(storage, {
    fromMs: 0,
    untilMs: START_MS + 6 * HOUR_ROWS * STEP_MS,
  });
  assert.deepEqual(after, before);
  assert.equal(
    Object.values(after).some((samples) => samples.includes("0:-1")),
    false,
  );
  assert.equal(metric(storage, "head_chunks") < 30, true);
  const again = await openStorage(setup.files.afterPowerCut());
  assert.deepEqual(
    await selectAll(again.storage, { fromMs: 0, untilMs: START_MS + 6 * HOUR_ROWS * STEP_MS }),
    before,
  );
});

test("a power cut at any moment of moving rows to blocks loses no sample and duplicates none", async () => {
  const expected = await expectedAnswer(4 * HOUR_ROWS);
  for (let survivingOperations = 0; survivingOperations < 30; survivingOperations++) {
    const setup = await openStorage();
    for (let index = 0; index < 4 * HOUR_ROWS; index++) {
      appendRow(setup.storage, PI, START_MS + index * STEP_MS, rowAt(index));
    }
    await setup.storage.commit();
    let operations = 0;
    setup.files.fault = () => (operations++ >= survivingOperations ? "EIO" : undefined);
    await setup.clock.advance(4 * HOUR_ROWS * STEP_MS);
    await setup.storage.maintainJournal().catch(() => undefined);
    await setup.storage.maintainBlocks().catch(() => undefined);
    await setup.storage.commit().catch(() => undefined);
    const again = await openStorage(setup.files.afterPowerCut(survivingOperations));
    assert.deepEqual(await selectAll(again.storage), expected, `${survivingOperations} operations`);
  }
});

test("retention by time deletes whole blocks, and a clock step of ten years deletes none", async () => {
  const setup = await openStorage(undefined, undefined, {
    retentionMs: 6 * 3_600_000,
    maxBlockDurationMs: 7_200_000,
  });
  await run(setup, 0, 20 * HOUR_ROWS);
  const [first] = Object.values(await selectAll(setup.storage));
  assert.ok(
    (first ?? []).length < 10 * HOUR_ROWS && (first ?? []).length >= 6 * HOUR_ROWS,
    `${first?.length} left`,
  );
  const before = blockPaths(setup).length;
  setup.clock.stepWall(10 * 365 * 86_400_000);
  await setup.storage.maintainBlocks();
  await setup.storage.maintainBlocks();
  assert.equal(blockPaths(setup).length >= before - 1, true);
});

test("retention by size deletes the oldest blocks first", async () => {
  const setup = await openStorage(undefined, undefined, { maxBlockDurationMs: 7_200_000 });
  await run(setup, 0, 20 * HOUR_ROWS);
  const all = blockPaths(setup);
  const facts = await Promise.all(all.map((name) => setup.files.facts(name)));
  const retentionBytes = Math.round(
    facts.reduce((sum, fact) => sum + (fact?.sizeBytes ?? 0), 0) / 2,
  );
  const smaller = await openStorage(setup.files, setup.clock, {
    retentionBytes,
    maxBlockDurationMs: 7_200_000,
  });
  await smaller.storage.maintainBlocks();
  await smaller.storage.maintainBlocks();
  const left = blockPaths(smaller);
  assert.ok(left.length < all.length && left.length > 1);
  assert.equal(left.at(-1), all.at(-1));
});

test("one flipped bit anywhere in a block loses at most a group of columns, is reported, and never prevents the start", async () => {
  const setup = await openStorage();
  await run(setup, 0, 3 * HOUR_ROWS);
  const [filePath = ""] = blockPaths(setup);
  const original = await setup.files.readBytes(filePath);
  const expected = await selectAll(setup.storage);
  for (let byte = 0; byte < original.length; byte++) {
    const damaged = Uint8Array.from(original);
    damaged[byte] = (damaged[byte] as number) ^ (1 << (byte % 8));
    const files = setup.files.afterPowerCut();
    files.put(filePath, damaged);
    const { storage } = await openStorage(files);
    const answer = await selectAll(storage);
    for (const [name, samples] of Object.entries(answer)) {
      const missing = (expected[name] ?? []).filter((sample) => !samples.includes(sample));
      assert.deepEqual(
        samples.filter((sample) => expected[name]?.includes(sample) !== true),
        [],
        `byte ${byte}`,
      );
      const isReported =
        metric(storage, "blocks_damaged_total") + metric(storage, "damaged_reads_total") > 0;
      assert.ok(missing.length === 0 || isReported, `byte ${byte} is reported`);
    }
  }
});

test("files of unfinished blocks are removed at the start", async () => {
  const setup = await openStorage();
  setup.files.put("/data/hosts/10.0.0.7/blocks/1-2-3.block.0badcafe.tmp", "half");
  const again = await openStorage(setup.files);
  assert.deepEqual(
    again.files.paths().filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("deleting a host removes its blocks", async () => {
  const setup = await openStorage();
  await run(setup, 0, 6 * HOUR_ROWS);
  await setup.storage.deleteHost(PI.folder);
  assert.deepEqual(blockPaths(setup), []);
  assert.deepEqual(await selectAll(setup.storage), {});
});

test("a full disk keeps rows in the head until blocks can be written", async () => {
  const setup = await openStorage();
  for (let index = 0; index < 6 * HOUR_ROWS; index++) {
    appendRow(setup.storage, PI, START_MS + index * STEP_MS, rowAt(index));
  }
  await setup.storage.commit();
  setup.files.roomBytes = 100;
  await assert.rejects(setup.storage.maintainBlocks(), { code: "ENOSPC" });
  assert.equal(metric(setup.storage, "blocks_failed_total"), 1);
  assert.deepEqual(await selectAll(setup.storage), await expectedAnswer(6 * HOUR_ROWS));
  setup.files.roomBytes = 1e9;
  await setup.storage.maintainBlocks();
  assert.deepEqual(await selectAll(setup.storage), await expectedAnswer(6 * HOUR_ROWS));
});
