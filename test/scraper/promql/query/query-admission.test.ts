import assert from "node:assert/strict";
import { test } from "node:test";
import { QueryAdmission } from "../../../../scraper/promql/query/query-admission.js";
import {
  QueryCanceledError,
  QueryMemoryError,
  QueryTimeoutError,
} from "../../../../scraper/promql/language/query-errors.js";
import { FakeClock } from "../../../support/fake-clock.js";

const MEBIBYTE = 1024 * 1024;
const TIMEOUT_MS = 1000;

function setUp({ maxConcurrency = 2, memoryBytes = 10 * MEBIBYTE } = {}) {
  const clock = new FakeClock(0);
  return { clock, admission: new QueryAdmission({ clock, maxConcurrency, memoryBytes }) };
}

/** A promise that the test settles. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

test("queries beyond max_concurrency wait in order, and rules have places of their own", async () => {
  const { admission } = setUp();
  const started: string[] = [];
  const gates = new Map<string, ReturnType<typeof gate>>();
  const start = (name: string, lane: "rules" | "requests"): Promise<void> => {
    const own = gate();
    gates.set(name, own);
    return admission.run({ lane, timeoutMs: TIMEOUT_MS }, async () => {
      started.push(name);
      await own.passed;
    });
  };
  const all = ["a", "b", "c", "d"].map((name) => start(name, "requests"));
  all.push(start("rule", "rules"));
  await settle();
  assert.deepEqual(started, ["a", "b", "rule"]);
  assert.deepEqual(admission.gauges().lanes, [
    { lane: "requests", running: 2, waiting: 2 },
    { lane: "rules", running: 1, waiting: 0 },
  ]);
  gates.get("b")?.open();
  await settle();
  assert.deepEqual(started, ["a", "b", "rule", "c"]);
  for (const { open } of gates.values()) open();
  await Promise.all(all);
  assert.deepEqual(started, ["a", "b", "rule", "c", "d"]);
  for (const { running, waiting } of admission.gauges().lanes)
    assert.deepEqual({ running, waiting }, { running: 0, waiting: 0 });
});

test("a query that waits gives up at its timeout and when its client leaves, and takes no place", async () => {
  const { clock, admission } = setUp({ maxConcurrency: 1 });
  const first = gate();
  const running = admission.run({ timeoutMs: 10 * TIMEOUT_MS }, () => first.passed);
  const never = (): Promise<never> => assert.fail("must not run");
  const late = admission.run({ timeoutMs: TIMEOUT_MS }, never);
  const departure = new AbortController();
  const left = admission.run({ timeoutMs: TIMEOUT_MS, signal: departure.signal }, never);
  departure.abort();
  await assert.rejects(left, QueryCanceledError);
  const isLate = assert.rejects(late, (error) => {
    assert.ok(error instanceof QueryTimeoutError);
    assert.equal(error.message, "query timed out in query queue");
    return true;
  });
  await clock.advance(TIMEOUT_MS);
  await isLate;
  first.open();
  await running;
  assert.equal(await admission.run({ timeoutMs: TIMEOUT_MS }, async () => 1), 1);
  assert.equal(admission.gauges().rejected, 2);
});

test("a query that finds too little memory waits for the others and starts again", async () => {
  const { admission } = setUp();
  const first = gate();
  const running = admission.run({ timeoutMs: TIMEOUT_MS }, async ({ memory }) => {
    memory.take(6 * MEBIBYTE);
    await first.passed;
  });
  let attempts = 0;
  const second = admission.run({ timeoutMs: TIMEOUT_MS }, async ({ memory }) => {
    attempts++;
    memory.take(3 * MEBIBYTE);
    memory.take(3 * MEBIBYTE);
    return "done";
  });
  await settle();
  assert.equal(attempts, 1);
  assert.equal(admission.pool.usedBytes, 6 * MEBIBYTE);
  first.open();
  assert.equal(await second, "done");
  await running;
  assert.deepEqual([attempts, admission.pool.usedBytes], [2, 0]);
});

test("a query fails with 503 when others keep the memory, with 422 when none would be enough", async () => {
  const { clock, admission } = setUp();
  let release = (): void => undefined;
  const keepMemory = (given: () => void): void => void (release = given);
  const take = (mebibytes: number, keeps = false): Promise<void> =>
    admission.run(
      { timeoutMs: TIMEOUT_MS, keepMemory: keeps ? keepMemory : undefined },
      async ({ memory }) => memory.take(mebibytes * MEBIBYTE),
    );
  await take(6, true);
  assert.equal(admission.pool.usedBytes, 6 * MEBIBYTE); // The answer is still being sent.
  const hasCode = (code: string) => (error: unknown) =>
    error instanceof QueryMemoryError && error.code === code;
  const refused = assert.rejects(take(6), hasCode("unavailable"));
  await settle();
  await clock.advance(TIMEOUT_MS);
  await refused;
  release();
  await assert.rejects(take(11), hasCode("execution"));
  await take(10);
});

test("queries of rules may exceed the memory of the queries by a quarter", async () => {
  const { admission } = setUp();
  const take = (lane: "rules" | "requests", mebibytes: number) =>
    admission.run(
      { lane, timeoutMs: TIMEOUT_MS, keepMemory: () => undefined },
      async ({ memory }) => memory.take(mebibytes * MEBIBYTE),
    );
  await take("requests", 10);
  await take("rules", 2);
  assert.equal(admission.pool.usedBytes, 12 * MEBIBYTE);
});
