import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import {
  COMPACT_AFTER_BYTES,
  JsonLinesFile,
} from "../../../../scraper/alerting/alerts/json-lines-file.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const FILE_PATH = "/data/records.jsonl";
const ROOM_BYTES = 2 ** 40;

interface Item {
  readonly id: string;
  readonly value: number;
}

const decode = (fields: JsonFields): Item => ({
  id: fields.text("id"),
  value: fields.number("value"),
});

/** A file with the records that its owner keeps, and what it costs. */
class Bench {
  readonly items = new Map<string, Item>();
  encoded = 0;
  appended = 0;
  readonly file: JsonLinesFile<Item>;

  constructor(readonly files = new MemoryFiles()) {
    files.roomBytes = ROOM_BYTES;
    this.file = new JsonLinesFile({
      files,
      log: silentLogger,
      effect: "nothing is known",
      filePath: FILE_PATH,
      current: () => this.items.values(),
      encode: ({ id, value }) => {
        this.encoded++;
        const line = { v: 1, id, value };
        return line;
      },
    });
  }

  get writtenBytes(): number {
    return ROOM_BYTES - this.files.roomBytes;
  }

  async set(...items: readonly Item[]): Promise<void> {
    for (const item of items) this.items.set(item.id, item);
    this.appended += items.length;
    await this.file.append(items);
  }

  async reload(): Promise<readonly Item[]> {
    const again = new Bench(this.files);
    const { records, damaged } = await again.file.load(decode);
    assert.equal(damaged, 0);
    return [...new Map(records.map((item) => [item.id, item])).values()];
  }
}

const itemsOf = (count: number, value = 0): Item[] =>
  Array.from({ length: count }, (_, index) => ({ id: `record-${index}`, value }));

for (const { name, held, change } of [
  { name: "each change is one of 20,000 records", held: 20_000, change: 1 },
  { name: "each change is a new record beside 20,000", held: 20_000, change: -1 },
  { name: "one record changes all the time", held: 1, change: 1 },
]) {
  test(`changes of a file of JSON lines cost by what changes, not by what the file holds: ${name}`, async () => {
    const bench = new Bench();
    await bench.file.load(decode);
    await bench.set(...itemsOf(held));
    const before = { encoded: bench.encoded, bytes: bench.writtenBytes };
    const changes = 3000;
    for (let index = 0; index < changes; index++)
      await bench.set({ id: change > 0 ? `record-${index % held}` : `new-${index}`, value: index });
    assert.ok(bench.encoded - before.encoded <= 2 * changes + held, `${bench.encoded} encoded`);
    const lineBytes = 48;
    assert.ok(bench.writtenBytes - before.bytes <= 2 * changes * lineBytes + held * lineBytes);
    assert.deepEqual(new Set(await bench.reload()), new Set(bench.items.values()));
  });
}

test("a file of JSON lines stays below twice its records, and a rewrite comes after as many appended bytes", async () => {
  const bench = new Bench();
  await bench.file.load(decode);
  await bench.set(...itemsOf(10_000));
  const recordBytes = bench.files.sizeOf(FILE_PATH);
  let rewrites = 0;
  for (let round = 1; round <= 20; round++) {
    const before = bench.files.sizeOf(FILE_PATH);
    await bench.set(...itemsOf(10_000, round));
    if (bench.files.sizeOf(FILE_PATH) <= before) rewrites++;
    const boundBytes = 2 * recordBytes + COMPACT_AFTER_BYTES + 20_000;
    assert.ok(bench.files.sizeOf(FILE_PATH) <= boundBytes);
  }
  assert.ok(rewrites > 0 && rewrites <= 10, `${rewrites} rewrites in 20 rounds`);
  assert.ok(bench.encoded <= 2 * bench.appended);
});

test("after a restart a file of JSON lines knows what it holds: it is not rewritten at once", async () => {
  const bench = new Bench();
  await bench.file.load(decode);
  await bench.set(...itemsOf(10_000));
  const again = new Bench(bench.files);
  for (const item of (await again.file.load(decode)).records) again.items.set(item.id, item);
  await again.set({ id: "record-1", value: 7 });
  assert.equal(again.encoded, 1);
});

test("other work of the event loop runs while 20,000 lines are encoded or read", async () => {
  const bench = new Bench();
  await bench.file.load(decode);
  assert.ok((await turnsDuring(bench.set(...itemsOf(20_000)))) >= 5);
  const again = new Bench(bench.files);
  assert.ok((await turnsDuring(again.file.load(decode))) >= 5);
});

test("a disk that refuses appends loses no earlier line, and costs no reading of the file", async () => {
  const bench = new Bench();
  await bench.file.load(decode);
  await bench.set(...itemsOf(100));
  let reads = 0;
  bench.files.fault = (operation) => {
    if (operation === "read") reads++;
    return operation === "sync" ? "EIO" : undefined;
  };
  for (let value = 1; value <= 5; value++)
    await assert.rejects(bench.set({ id: "record-1", value }), /Cannot write .*EIO/);
  assert.equal(reads, 0);
  bench.files.fault = () => undefined;
  await bench.set({ id: "record-2", value: 9 });
  const restored = await bench.reload();
  assert.equal(restored.length, 100);
  assert.equal(restored.find(({ id }) => id === "record-2")?.value, 9);
});

test("a disk without room for a rewrite still takes appends, and rewrites are not tried each time", async () => {
  const bench = new Bench();
  await bench.file.load(decode);
  await bench.set(...itemsOf(10_000));
  let refused = 0;
  bench.files.fault = (operation) => {
    if (operation !== "replace") return undefined;
    refused++;
    return "ENOSPC";
  };
  for (let round = 1; round <= 40; round++) await bench.set(...itemsOf(1000, round));
  assert.ok(refused >= 1 && refused <= 3, `${refused} rewrites tried`);
  bench.files.fault = () => undefined;
  assert.deepEqual(new Set(await bench.reload()), new Set(bench.items.values()));
});

/** Turns of the event loop until the work has ended. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work;
  isOver = true;
  return turns;
}
