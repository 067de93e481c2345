import assert from "node:assert/strict";
import { test } from "node:test";
import { BootClocks } from "../../../scraper/backfill/boot-clocks.js";

const BOOT = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";
const ZERO_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const ANYTIME = { after: Number.NEGATIVE_INFINITY, before: Number.POSITIVE_INFINITY };

/**
 * A member written when the monotonic clock showed `monotonicMs` and the wall clock was `wrongMs`
 * ahead of the truth.
 */
const member = (monotonicMs: number, wrongMs: number) => ({
  bootId: BOOT,
  monotonicMs,
  wallMs: ZERO_MS + monotonicMs + wrongMs,
});

function learned(...heard: readonly { at: number; lateMs?: number }[]): BootClocks {
  const clocks = new BootClocks();
  for (const { at, lateMs = 0 } of heard)
    clocks.learn({ bootId: BOOT, monotonicMs: at }, ZERO_MS + at + lateMs);
  return clocks;
}

for (const { name, clocks, at, wrongMs, addMs } of [
  {
    name: "a clock that was right is left alone",
    clocks: learned({ at: 1000 }),
    at: HOUR_MS,
    wrongMs: 0,
    addMs: 0,
  },
  {
    name: "1970 is put right",
    clocks: learned({ at: 1000 }),
    at: 5000,
    wrongMs: -ZERO_MS,
    addMs: ZERO_MS,
  },
  {
    name: "a step back by an hour is put right",
    clocks: learned({ at: 1000 }),
    at: 5000,
    wrongMs: -HOUR_MS,
    addMs: HOUR_MS,
  },
  {
    name: "one message that came seconds late changes nothing",
    clocks: learned({ at: 1000 }, { at: 31_000, lateMs: 5000 }, { at: 61_000 }),
    at: 31_000,
    wrongMs: 0,
    addMs: 0,
  },
  {
    name: "a first message that came late is corrected by the next",
    clocks: learned({ at: 1000, lateMs: 5000 }, { at: 31_000 }),
    at: 2000,
    wrongMs: 0,
    addMs: 0,
  },
  {
    name: "a clock that drifts is followed, in the middle by the middle",
    clocks: learned(
      { at: 0 },
      { at: 1000 },
      { at: 1000 + 2 * HOUR_MS, lateMs: 120_000 },
      { at: 31_000 + 2 * HOUR_MS, lateMs: 120_000 },
    ),
    at: 16_000 + HOUR_MS,
    wrongMs: 0,
    addMs: 60_000,
  },
]) {
  test(`The clock of a boot: ${name}`, () => {
    const correction = clocks.correctionOf(member(at, wrongMs), ANYTIME);
    assert.ok(
      correction !== undefined && Math.abs(correction.addMs - addMs) <= 1000,
      JSON.stringify(correction),
    );
    const restarted = new BootClocks(clocks.entries);
    assert.deepEqual(restarted.correctionOf(member(at, wrongMs), ANYTIME), correction);
  });
}

test("a learned clock is kept, so a sample that is fetched again gets the same time", () => {
  const clocks = learned({ at: 1000 });
  const before = clocks.correctionOf(member(5000, -HOUR_MS), ANYTIME);
  assert.equal(
    clocks.learn({ bootId: BOOT, monotonicMs: 9000 }, ZERO_MS + 9000 + 1500, { uncertaintyMs: 10 }),
    false,
  );
  assert.deepEqual(clocks.correctionOf(member(5000, -HOUR_MS), ANYTIME), before);
});

test("for a boot without heartbeats, a possible time is used and an impossible one is dropped", () => {
  const clocks = new BootClocks();
  const range = { after: ZERO_MS, before: ZERO_MS + HOUR_MS };
  assert.equal(clocks.correctionOf(member(5000, 0), range)?.addMs, 0);
  assert.equal(clocks.correctionOf(member(5000, -HOUR_MS), range), undefined);
  assert.equal(clocks.correctionOf(member(5000, 2 * HOUR_MS), range), undefined);
});
