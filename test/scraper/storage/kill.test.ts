import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/files.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { createLabelMatcher } from "../../../scraper/storage/label-matcher.js";
import { Storage } from "../../../scraper/storage/storage.js";
import { CRASH_SETTINGS, FIRST_ROW_MS, ROW_MS } from "./crash-writer.js";
import { ALWAYS } from "./storage-fixture.js";

/** More of them with PIHEALTH_KILLS=200 (CI) or 1000 (soak). */
const KILLS = Number(process.env["PIHEALTH_KILLS"] ?? "12");
const WRITER = fileURLToPath(import.meta.url).replace(/kill\.test\.(ts|js)$/, "crash-writer.$1");

/**
 * Lets a writer go on until it has acknowledged some rows, kills it, and tells the last row it
 * acknowledged.
 */
async function writeAndKill(
  folder: string,
  firstRow: number,
  acknowledgements: number,
): Promise<number> {
  const writer = fork(WRITER, [folder, String(firstRow)]);
  let acknowledged = firstRow - 1;
  await new Promise<void>((resolve, reject) => {
    let left = acknowledgements;
    writer.on("message", (row) => {
      acknowledged = Number(row);
      if (--left === 0) resolve();
    });
    writer.once("exit", (code) => reject(new Error(`the writer ended by itself with ${code}`)));
  });
  writer.removeAllListeners("exit");
  const ended = once(writer, "exit");
  writer.kill("SIGKILL");
  await ended;
  return acknowledged;
}

async function storedRows(folder: string): Promise<number[]> {
  const parts = {
    folder,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings: CRASH_SETTINGS,
  };
  const storage = await Storage.open(parts);
  const [table, ...others] = await storage.select(
    [createLabelMatcher("__name__", "=", "row")],
    ALWAYS,
  );
  assert.equal(others.length, 0);
  const values = [...(table?.series[0]?.values ?? [])];
  assert.deepEqual(
    [...(table?.timestamps ?? [])],
    values.map((row) => FIRST_ROW_MS + row * ROW_MS),
  );
  await storage.stop();
  return values;
}

test(`kill -9 at ${KILLS} moments: nothing acknowledged is lost, nothing appears twice, every start succeeds`, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-kill-"));
  try {
    let next = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await writeAndKill(folder, next, 1 + ((kill * 37) % 90));
      const rows = await storedRows(folder);
      assert.deepEqual(rows, [...rows.keys()], "every row once and in order");
      assert.ok(
        rows.length > acknowledged,
        `row ${acknowledged} was acknowledged, ${rows.length} are stored`,
      );
      next = rows.length;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
