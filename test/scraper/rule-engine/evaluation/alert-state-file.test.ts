import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFiles } from "../../../support/memory-files.js";
import { MemorySeries } from "../../../../scraper/rule-engine/rule-tests/memory-series.js";
import { parseRules, RuleBench, STATE_PATH } from "./rule-bench.js";

const MINUTE_MS = 60_000;
const ALERTS = 2000;
const ROOM_BYTES = 2 ** 40;
const DOCUMENT_PATH = STATE_PATH.replace(".jsonl", ".json");
const RULES = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temperature > 70
        annotations: { summary: "{{ $labels.i }} is at {{ $value }}" }
`;

/** Lets `minutes` pass, with the value of each series in each minute. */
async function run(
  bench: RuleBench,
  minutes: number,
  valueOf: (series: number, minute: number) => number,
): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    const timeMs = bench.clock.wallMs();
    for (let index = 0; index < ALERTS; index++)
      bench.set(`temperature{i="${index}"}`, timeMs, valueOf(index, minute));
    await bench.clock.advance(MINUTE_MS);
    await bench.engine.saveStates();
  }
}

test("alert states on disk cost by the alerts that change, not by those that exist", async () => {
  const bench = new RuleBench();
  bench.files.roomBytes = ROOM_BYTES;
  await bench.engine.load(parseRules(RULES));
  await bench.engine.start();
  await run(bench, 2, () => 71);
  assert.equal(bench.states().length, ALERTS);
  const beforeBytes = ROOM_BYTES - bench.files.roomBytes;
  // One alert ends and begins, while the value of every alert changes.
  await run(bench, 8, (index, minute) => (index === 0 && minute % 2 === 0 ? 20 : 72 + minute));
  const changedBytes = ROOM_BYTES - bench.files.roomBytes - beforeBytes;
  assert.ok(changedBytes < 10_000, `${changedBytes} bytes for some 8 changes of one alert`);
  await bench.engine.stop();
});

test("alert states survive restarts: a removed rule takes its alerts along, in the file too", async () => {
  const before = new RuleBench();
  await before.engine.load(parseRules(RULES));
  await before.engine.start();
  await run(before, 2, () => 71);
  await before.engine.load(parseRules("groups: []"));
  await before.engine.stop();
  const after = new RuleBench({}, new MemorySeries(), before.files);
  await after.clock.advance(before.clock.wallMs());
  await after.engine.load(parseRules(RULES));
  await after.engine.start();
  assert.deepEqual(after.states(), []);
  await after.engine.stop();
});

test("states in the document of an earlier version are read, and move to lines", async () => {
  const files = new MemoryFiles();
  const labels = { alertname: "Hot", i: "0" };
  const alert = {
    labels,
    annotations: {},
    value: "71",
    state: "firing",
    activeAtMs: 1000,
    firedAtMs: 1000,
    resolvedAtMs: null,
    lastSentAtMs: null,
    keepFiringSinceMs: null,
  };
  const rule = { group: "rules.yml;g", rule: '["alerting","Hot",[]]', alerts: [alert] };
  files.put(DOCUMENT_PATH, JSON.stringify({ version: 1, savedAtMs: 1000, rules: [rule] }));
  for (let start = 0; start < 2; start++) {
    const bench = new RuleBench({}, new MemorySeries(), files);
    await bench.clock.advance(MINUTE_MS);
    await bench.engine.load(parseRules(RULES));
    await bench.engine.start();
    assert.deepEqual(bench.states(), ["firing"], `start ${start}`);
    await bench.engine.stop();
    assert.deepEqual(files.paths(), [STATE_PATH]);
  }
});

test("damaged lines of the alert states are skipped, the others are kept", async () => {
  const before = new RuleBench();
  await before.engine.load(parseRules(RULES));
  await before.engine.start();
  await run(before, 2, () => 71);
  await before.engine.stop();
  const text = await before.files.readText(STATE_PATH);
  const lines = text.split("\n");
  lines[5] = "{";
  before.files.put(STATE_PATH, lines.join("\n"));
  const after = new RuleBench({}, new MemorySeries(), before.files);
  await after.clock.advance(before.clock.wallMs());
  await after.engine.load(parseRules(RULES));
  await after.engine.start();
  assert.equal(after.states().length, ALERTS - 1);
  await after.engine.stop();
});
