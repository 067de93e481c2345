/** How often an idle fleet makes the storage write: an SD card has a budget. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { appendRow, host, openStorage } from "./storage-fixture.js";
import { MemoryFiles } from "../../support/memory-files.js";

const MINUTES = 10;
const PI_SERIES = 130;

/** Scrapes every 15 s, and counts syncs of files. */
async function syncsOf(hosts: number, syncIntervalMs: number): Promise<number> {
  const files = new MemoryFiles();
  const { storage, clock } = await openStorage(files, undefined, { syncIntervalMs });
  storage.start();
  let syncs = 0;
  files.fault = (operation, filePath) => {
    if (operation === "sync" && filePath.includes("/journal-")) syncs++;
    return undefined;
  };
  const row = Object.fromEntries(
    Array.from({ length: PI_SERIES }, (_, index) => [`series_${index}`, index]),
  );
  for (let second = 0; second < MINUTES * 60; second += 5) {
    for (let index = 0; index < hosts; index++) {
      if ((second / 5 + index) % 3 !== 0) continue;
      const values = { ...row, series_0: second };
      appendRow(storage, host(`10.0.0.${index}`), clock.wallMs(), values);
    }
    await clock.advance(5000);
  }
  await storage.stop();
  return syncs;
}

test("five idle Pis are synced every 30 s, not at every write", async () => {
  const syncs = await syncsOf(5, 30_000);
  assert.ok(syncs <= 2 * MINUTES + 3, `${syncs} syncs in ${MINUTES} minutes`);
  assert.ok(syncs >= 2 * MINUTES - 2, `${syncs} syncs in ${MINUTES} minutes`);
});

test("samples that are written and not synced yet survive the end of the program", async () => {
  const files = new MemoryFiles();
  const { storage, clock } = await openStorage(files, undefined, { syncIntervalMs: 30_000 });
  storage.start();
  await clock.advance(5000);
  appendRow(storage, host("10.0.0.1"), clock.wallMs(), { a: 1 });
  await clock.advance(5000);
  const journal = files.paths().find((name) => name.includes("/journal-")) ?? "";
  assert.ok(files.unsyncedBytes(journal) > 0);
  await clock.advance(30_000);
  assert.equal(files.unsyncedBytes(journal), 0);
  await storage.stop();
});
