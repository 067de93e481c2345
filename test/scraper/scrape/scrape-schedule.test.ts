import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  alignTimestamp,
  nextNominalMs,
  offsetOf,
  SLOT_MS,
} from "../../../scraper/scrape/scrape-schedule.js";

for (const { name, wallMs, intervalMs, timestampMs } of [
  { name: "on time", wallMs: 60_000, intervalMs: 15_000, timestampMs: 60_000 },
  { name: "a little late", wallMs: 60_010, intervalMs: 15_000, timestampMs: 60_000 },
  { name: "a little early", wallMs: 59_999, intervalMs: 15_000, timestampMs: 60_000 },
  { name: "late", wallMs: 60_011, intervalMs: 15_000, timestampMs: 60_011 },
  {
    name: "late by more than a hundredth of a short interval",
    wallMs: 60_006,
    intervalMs: 500,
    timestampMs: 60_006,
  },
  { name: "between two milliseconds", wallMs: 60_200.4, intervalMs: 15_000, timestampMs: 60_200 },
]) {
  test(`The timestamp of a scrape that starts ${name} is ${timestampMs === 60_000 ? "its nominal" : "the real"} time`, () => {
    assert.equal(alignTimestamp(wallMs, 60_000, intervalMs), timestampMs);
  });
}

test("The next nominal time is the first one after now, at the target's offset", () => {
  const times = fc.record({
    wallMs: fc.integer({ min: -1e12, max: 4e12 }),
    intervalMs: fc.integer({ min: 100, max: 86_400_000 }),
    id: fc.string(),
  });
  fc.assert(
    fc.property(times, ({ wallMs, intervalMs, id }) => {
      const offsetMs = offsetOf(id, intervalMs);
      const nextMs = nextNominalMs(wallMs, offsetMs, intervalMs);
      assert.ok(nextMs > wallMs && nextMs <= wallMs + intervalMs);
      assert.equal(Math.abs((nextMs - offsetMs) % intervalMs), 0);
    }),
  );
});

test("Offsets lie on the grid of slots, within the interval, and use all slots about equally", () => {
  for (const { intervalMs, targets } of [
    { intervalMs: 15_000, targets: 30_000 },
    { intervalMs: 1000, targets: 2000 },
  ]) {
    const counts = new Map<number, number>();
    for (let index = 0; index < targets; index++) {
      const offsetMs = offsetOf(
        `http://10.0.${index >> 8}.${index & 255}:9100/metrics`,
        intervalMs,
      );
      assert.ok(offsetMs % SLOT_MS === 0 && offsetMs < intervalMs);
      counts.set(offsetMs, (counts.get(offsetMs) ?? 0) + 1);
    }
    assert.equal(counts.size, intervalMs / SLOT_MS);
    assert.ok(Math.max(...counts.values()) < 1.5 * 100 && Math.min(...counts.values()) > 100 / 2);
  }
  assert.equal(offsetOf("http://10.0.0.7:9100/metrics", 20), 0);
});
