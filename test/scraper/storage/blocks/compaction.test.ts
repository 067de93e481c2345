import assert from "node:assert/strict";
import { test } from "node:test";
import { checkData } from "../../../../scraper/storage/data-check.js";
import {
  type Answer,
  appendRow,
  host,
  metric,
  openStorage,
  selectAll,
  type Setup,
  START_MS,
  type Value,
} from "../storage-fixture.js";

const PI = host("10.0.0.7");
const HOUR_MS = 3_600_000;
/** End of the second-level block in which the rows begin. */
const MERGE_HOURS = 16;

const blockPaths = ({ files }: Setup): string[] =>
  files.paths().filter((name) => name.endsWith(".block"));

interface Rows {
  readonly stepMs: number;
  readonly hours: number;
  readonly rowAt: (row: number) => Record<string, Value>;
}

/** Rows in blocks of two hours, not merged yet. */
async function inBlocks({ stepMs, hours, rowAt }: Rows): Promise<Setup> {
  const setup = await openStorage();
  const { storage, clock } = setup;
  for (let row = 0; row * stepMs < hours * HOUR_MS; row++) {
    appendRow(storage, PI, START_MS + row * stepMs, rowAt(row));
    await clock.advance(stepMs);
    if (row % 100 === 99) await storage.commit();
  }
  await storage.commit();
  return setup;
}

/** Moves due rows to blocks, and merges blocks. */
async function maintain({ storage }: Setup, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await storage.maintainJournal();
    await storage.maintainBlocks();
  }
}

const FEW: Rows = {
  stepMs: 1_200_000,
  hours: MERGE_HOURS + 3,
  rowAt: (row) => ({ a: row * row, ...(row % 9 < 6 ? { b: 0.5 } : {}) }),
};

test("a power cut after any byte of writing and merging blocks loses no sample and duplicates none", async () => {
  const setup = await inBlocks(FEW);
  const expected = await selectAll(setup.storage);
  const disks: Setup["files"][] = [];
  setup.files.fault = (operation, filePath) => {
    if (!filePath.includes("/blocks")) return undefined;
    disks.push(setup.files.afterPowerCut(0));
    if (operation !== "sync" || !filePath.endsWith(".tmp")) return undefined;
    for (let kept = 1; ; kept++) {
      const disk = setup.files.afterPowerCut(kept);
      disks.push(disk);
      if (disk.sizeOf(filePath) < kept) return undefined;
    }
  };
  await maintain(setup, 8);
  assert.ok(metric(setup.storage, "compactions_total") > 0, "blocks were merged");
  assert.ok(disks.length > 1000, `${disks.length} moments`);
  for (const [moment, files] of disks.entries()) {
    const { storage } = await openStorage(files);
    assert.deepEqual(await selectAll(storage), expected, `moment ${moment}`);
    assert.equal(metric(storage, "blocks_damaged_total"), 0, `moment ${moment}`);
  }
});

const NOISE: Rows = {
  stepMs: 15_000,
  hours: MERGE_HOURS,
  rowAt: (row) => ({ noise: Math.sin(row) * 1e9, level: Math.round(Math.cos(row) * 1e6) }),
};

async function merged(): Promise<{ setup: Setup; filePath: string; bytes: Buffer; all: Answer }> {
  const setup = await inBlocks(NOISE);
  await maintain(setup, 8);
  const sizes = blockPaths(setup).map((name) => [name, setup.files.sizeOf(name)] as const);
  const [filePath = ""] = sizes.sort((left, right) => right[1] - left[1])[0] ?? [];
  const bytes = Buffer.from(await setup.files.readBytes(filePath));
  return { setup, filePath, bytes, all: await selectAll(setup.storage) };
}

const withByte = (bytes: Buffer, at: number, xor: number): Buffer => {
  const damaged = Buffer.from(bytes);
  damaged[at] = (damaged[at] as number) ^ xor;
  return damaged;
};

test("a long block has two directories: damage to one of them loses nothing and is reported", async () => {
  const { setup, filePath, bytes, all } = await merged();
  const magic = bytes.subarray(0, 7);
  const firstEnd = bytes.lastIndexOf(magic, bytes.length - 9) + 8;
  assert.ok(firstEnd > 8, "there are two");
  const directoryBytes = bytes.length - firstEnd;
  for (let back = 1; back <= 2 * directoryBytes; back += 3) {
    const files = setup.files.afterPowerCut();
    files.put(filePath, withByte(bytes, bytes.length - back, 0x10));
    const { storage } = await openStorage(files);
    assert.deepEqual(await selectAll(storage), all, `${back} bytes before the end`);
    if (back > directoryBytes) continue;
    assert.ok(metric(storage, "damaged_reads_total") > 0, "the reads that met it are counted");
    const { problems } = await checkData("/data", files);
    assert.deepEqual(
      problems.map(({ path }) => path),
      [filePath],
    );
  }
});

test("a damaged group loses samples of its section only, and its block is not merged with others", async () => {
  const { setup, filePath, bytes, all } = await merged();
  const files = setup.files.afterPowerCut();
  files.put(filePath, withByte(bytes, 100, 1));
  const again = await openStorage(files, setup.clock);
  for (let pass = 0; pass < 2; pass++) {
    const answer = await selectAll(again.storage);
    for (const [name, samples] of Object.entries(all)) {
      const lost = samples.length - (answer[name]?.length ?? 0);
      assert.ok(lost > 0 && lost <= 480, `${lost} samples of ${name} lost`);
    }
    await maintain(again, 2);
  }
  assert.ok(metric(again.storage, "damaged_reads_total") > 0);
  assert.equal(metric(again.storage, "blocks_damaged_total"), 0);
});

test("a merge copies long sections as they are and codes short ones again", async () => {
  const setup = await inBlocks(NOISE);
  const groups: Buffer[] = [];
  setup.files.fault = (operation, filePath) => {
    if (operation !== "rename" || groups.length > 5) return undefined;
    void setup.files.readBytes(filePath).then((bytes) => groups.push(Buffer.from(bytes)));
    return undefined;
  };
  await maintain(setup, 8);
  const written = blockPaths(setup).map((name) => setup.files.readBytes(name));
  const largest = (await Promise.all(written)).sort((left, right) => right.length - left.length)[0];
  const whole = Buffer.from(largest ?? []);
  const copied = groups.filter((bytes) => whole.includes(bytes.subarray(8, 2000)));
  assert.ok(copied.length >= 5, `${copied.length} of ${groups.length} are in the merged block`);
});
