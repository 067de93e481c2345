import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { checkData } from "../../../scraper/storage/data-check.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import { Storage } from "../../../scraper/storage/storage.js";
import {
  CRASH_SETTINGS,
  FIRST_ROW_MS,
  LATE_EVERY_ROWS,
  lateTimeMs,
  ROW_MS,
} from "./crash-writer.js";
import { ALWAYS } from "./storage-fixture.js";

const WRITER = fileURLToPath(import.meta.url).replace(/kill-runs\.(ts|js)$/, "crash-writer.$1");
/** After this many restarts the next kill begins with an empty folder. */
const KILLS_PER_FOLDER = 50;
/** A writer reports twice while it opens, then for every third row and around its maintenance. */
const MOST_REPORTS = 40;

export interface KillRun {
  readonly kills: number;
  /** Determines the moments. */
  readonly seed: number;
  readonly onKill?: (done: number) => void;
}

export interface KillReport {
  readonly rows: number;
  readonly tornTails: number;
}

/**
 * Kills a real writer with SIGKILL again and again. After each kill, every row that the writer has
 * reported as durable must exist, and no row may occur twice.
 */
export async function runKills({ kills, seed, onKill }: KillRun): Promise<KillReport> {
  const random = randomFrom(seed);
  const total = { rows: 0, tornTails: 0 };
  for (let done = 0; done < kills;) {
    const folder = await mkdtemp(path.join(tmpdir(), "pihealth-kill-"));
    try {
      let next = 0;
      for (let kill = 0; kill < KILLS_PER_FOLDER && done < kills; kill++, done++) {
        const durable = await writeAndKill(folder, next, 1 + Math.floor(random() * MOST_REPORTS));
        const { tornTails, problems } = await checkData(folder, realFiles);
        assert.deepEqual(problems, [], `seed ${seed}, kill ${done}`);
        total.tornTails += tornTails;
        next = await verify(folder, durable);
        onKill?.(done + 1);
      }
      total.rows += next;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return total;
}

/** @returns the last row that the writer has reported as durable */
async function writeAndKill(folder: string, firstRow: number, reports: number): Promise<number> {
  const writer = fork(WRITER, [folder, String(firstRow)]);
  let durable = firstRow - 1;
  await new Promise<void>((resolve, reject) => {
    let left = reports;
    writer.on("message", (row) => {
      durable = Number(row);
      if (--left === 0) resolve();
    });
    writer.once("exit", (code) => reject(new Error(`the writer ended by itself with ${code}`)));
  });
  writer.removeAllListeners("exit");
  const ended = once(writer, "exit");
  writer.kill("SIGKILL");
  await ended;
  return durable;
}

/** @returns the number of rows stored */
async function verify(folder: string, durable: number): Promise<number> {
  const storage = await Storage.open({
    folder,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings: CRASH_SETTINGS,
  });
  const rows = await samplesOf(storage, "row");
  const expected = Array.from({ length: rows.length }, (_, row) => row);
  assert.deepEqual(
    rows,
    expected.map((row) => [FIRST_ROW_MS + row * ROW_MS, row]),
  );
  assert.ok(rows.length > durable, `row ${durable} was durable, ${rows.length} are stored`);
  const late = await samplesOf(storage, "late");
  const expectedLate = expected.filter((row) => row % LATE_EVERY_ROWS === 0);
  const lateOfStored = late.filter(([, row]) => row < rows.length);
  assert.deepEqual(
    lateOfStored,
    expectedLate.map((row) => [lateTimeMs(row), row]),
  );
  assert.ok(late.length <= lateOfStored.length + 1, "a late row goes right before its row");
  await storage.stop();
  return rows.length;
}

async function samplesOf(
  storage: Storage,
  name: string,
): Promise<[timeMs: number, value: number][]> {
  const tables = await storage.querier.select([createLabelMatcher("__name__", "=", name)], ALWAYS);
  assert.ok(tables.length <= 1);
  const { timestamps, series } = tables[0] ?? { timestamps: new Float64Array(0), series: [] };
  const values = series[0]?.values ?? new Float64Array(0);
  return Array.from(timestamps, (timeMs, row): [number, number] => [
    timeMs,
    values[row] as number,
  ]).filter(([, value]) => !Number.isNaN(value)); // ABSENT is a NaN.
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
