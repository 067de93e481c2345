import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import type { ActiveAlert } from "../../../../scraper/rule-engine/evaluation/active-alert.js";
import {
  AlertHistory,
  MAX_HISTORY_ENTRIES,
} from "../../../../scraper/rule-engine/evaluation/alert-history.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const FILE_PATH = "/data/alert-history.jsonl";
const ROOM_BYTES = 2 ** 40;

function alertOf(index: number, firedAtMs: number, resolvedAtMs?: number): ActiveAlert {
  return {
    labels: Labels.of({ alertname: "Storm", i: String(index) }),
    annotations: Labels.EMPTY,
    value: 1,
    state: resolvedAtMs === undefined ? "firing" : "resolved",
    unknown: false,
    activeAtMs: firedAtMs,
    firedAtMs,
    resolvedAtMs,
    lastSentAtMs: undefined,
    keepFiringSinceMs: undefined,
  };
}

async function openHistory(files: MemoryFiles): Promise<AlertHistory> {
  const history = new AlertHistory(files, FILE_PATH, silentLogger);
  await history.load();
  return history;
}

function countOf(files: MemoryFiles): { syncs: () => number; writtenBytes: () => number } {
  let syncs = 0;
  files.roomBytes = ROOM_BYTES;
  files.fault = (operation) => {
    if (operation === "sync") syncs++;
    return undefined;
  };
  return { syncs: () => syncs, writtenBytes: () => ROOM_BYTES - files.roomBytes };
}

test("20,000 alerts of one evaluation are written to the history together, each once", async () => {
  const files = new MemoryFiles();
  const { syncs, writtenBytes } = countOf(files);
  const history = await openHistory(files);
  for (let index = 0; index < 20_000; index++) {
    const alert = alertOf(index, 1000);
    history.noteLive(alert, alert.labels);
  }
  await history.close();
  assert.ok(syncs() <= 6, `${syncs()} syncs`);
  assert.ok(writtenBytes() < 20_000 * 250, `${writtenBytes()} bytes`);
  assert.equal((await openHistory(files)).size, 20_000);
});

test("alerts that flap cost by the changes, and the history keeps its bound", async () => {
  const files = new MemoryFiles();
  const { writtenBytes } = countOf(files);
  const history = await openHistory(files);
  const alerts = 500;
  const rounds = 60;
  for (let round = 0; round < rounds; round++) {
    const firedAtMs = 1000 * (2 * round + 1);
    for (let index = 0; index < alerts; index++) {
      const fired = alertOf(index, firedAtMs);
      history.noteLive(fired, fired.labels);
    }
    await new Promise(setImmediate);
    for (let index = 0; index < alerts; index++) {
      const ended = alertOf(index, firedAtMs, firedAtMs + 1000);
      history.noteLive(ended, ended.labels);
      history.noteLive(ended, ended.labels);
    }
    await new Promise(setImmediate);
  }
  assert.equal(history.size, MAX_HISTORY_ENTRIES);
  await history.close();
  const changes = 2 * alerts * rounds;
  assert.ok(writtenBytes() < 2 * changes * 250, `${writtenBytes()} bytes`);
  assert.ok(files.sizeOf(FILE_PATH) < 3 * MAX_HISTORY_ENTRIES * 250 + 256 * 1024);
});

test("firing alerts stay in the history when ended ones have to go, up to twice the bound", async () => {
  const history = await openHistory(new MemoryFiles());
  const first = alertOf(0, 1000);
  history.noteLive(first, first.labels);
  for (let index = 1; index <= MAX_HISTORY_ENTRIES + 10; index++) {
    const ended = alertOf(index, 2000, 3000);
    history.noteLive(ended, ended.labels);
  }
  assert.equal(history.of(first.labels).length, 1);
  assert.equal(history.of(alertOf(1, 2000).labels).length, 0);
  assert.equal(history.size, MAX_HISTORY_ENTRIES);
  await history.close();
});
