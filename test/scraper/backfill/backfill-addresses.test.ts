import assert from "node:assert/strict";
import { test } from "node:test";
import { BackfillUnderTest } from "./backfill-under-test.js";

const NEW_ADDRESS = "10.0.0.8";

test("a Pi that returns under another address is filled there, from its last contact on", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  const atOld = await bench.stored();
  const leftMs = bench.nowMs;
  bench.answersAt = [];
  await bench.pass(300);
  const movedMs = bench.nowMs;
  bench.answersAt = [NEW_ADDRESS];
  bench.heardAt = NEW_ADDRESS;
  const target = bench.watch(NEW_ADDRESS);
  await bench.pass(240);
  const atNew = await bench.stored(target);
  const wanted = bench.pi.recorded.filter(({ trueMs }) => trueMs > leftMs && trueMs < movedMs);
  assert.ok(wanted.length > 50);
  assert.deepEqual(
    wanted.filter(({ trueMs, value }) => atNew.get(trueMs) !== value),
    [],
  );
  assert.deepEqual(
    [...atNew.keys()].filter((timeMs) => timeMs < leftMs - 5000),
    [],
    "what the old address has is not taken again",
  );
  assert.deepEqual(await bench.stored(), atOld);
});

test("with a cloned SD card, only the address whose heartbeats are accepted is filled", async () => {
  const bench = await BackfillUnderTest.start();
  const copy = bench.watch(NEW_ADDRESS);
  bench.answersAt = ["10.0.0.7", NEW_ADDRESS];
  await bench.pass(300);
  const fromMs = bench.nowMs;
  bench.isLinked = false;
  await bench.pass(300);
  const untilMs = bench.nowMs;
  bench.isLinked = true;
  await bench.pass(900);
  const filled = await bench.stored();
  const wanted = bench.pi.recorded.filter(({ trueMs }) => trueMs > fromMs && trueMs < untilMs);
  assert.deepEqual(
    wanted.filter(({ trueMs, value }) => filled.get(trueMs) !== value),
    [],
  );
  assert.equal((await bench.stored(copy)).size, 0);
  const ends = bench.backfill.gaps(NEW_ADDRESS).map(({ cause, state }) => `${state} ${cause}`);
  assert.deepEqual(ends, ["lost link_down"]);
});

test("the past of a Pi that moves is stored once, under the address it had, also after it moves back", async () => {
  const bench = await BackfillUnderTest.start();
  const old = bench.target;
  await bench.pass(300);
  // The master is away while the Pi moves: the gap belongs to the new address.
  await bench.kill();
  await bench.pass(200);
  bench.answersAt = [NEW_ADDRESS];
  bench.heardAt = NEW_ADDRESS;
  await bench.restart();
  bench.leave(old);
  const moved = bench.watch(NEW_ADDRESS);
  await bench.pass(300);
  bench.answersAt = [old.host];
  bench.heardAt = old.host;
  bench.leave(moved);
  bench.watch(old.host);
  await bench.pass(300);
  const [atOld, atNew] = [await bench.stored(old), await bench.stored(moved)];
  assert.deepEqual(
    [...atOld.keys()].filter((timeMs) => atNew.has(timeMs)),
    [],
  );
  // Scrapes bring no samples here: everything that is stored was fetched, each time once.
  const missing = bench.pi.recorded.filter(
    ({ trueMs, isFlushed }) => isFlushed && !atOld.has(trueMs) && !atNew.has(trueMs),
  );
  const outage = missing.filter(({ trueMs }) => trueMs < bench.nowMs - 600_000);
  assert.ok(atNew.size > 30, `${atNew.size} samples under the new address`);
  assert.ok(outage.length < 60, `${outage.length} samples nowhere`);
});

test("a target configured by name gets clocks and a durable time from the heartbeats of its address", async () => {
  const bench = await BackfillUnderTest.start({ host: "pi.lan", address: "10.0.0.7" });
  await bench.pass(240);
  assert.ok(bench.durableOf("10.0.0.7") > bench.nowMs - 120_000);
  bench.isLinked = false;
  await bench.pass(120);
  bench.isLinked = true;
  await bench.pass(10);
  assert.equal(bench.durableOf("10.0.0.7"), 0);
  await bench.pass(240);
  assert.ok(bench.durableOf("10.0.0.7") > bench.nowMs - 120_000);
  assert.deepEqual([...new Set(bench.states())], ["filled link_down"]);
});
