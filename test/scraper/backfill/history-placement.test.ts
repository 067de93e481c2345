import assert from "node:assert/strict";
import { test } from "node:test";
import { PlacedInstants } from "../../../scraper/backfill/history-placement.js";
import { holdsInstant } from "../../../scraper/backfill/time-ranges.js";

const BOOT = "b0";
const SCRAPE_MS = 1000;
const MISSING = [{ fromMs: 0, untilMs: 2_000_000 }];

function placed(times: readonly number[]): PlacedInstants {
  const instants = new PlacedInstants(SCRAPE_MS);
  for (const time of times) instants.add(time, BOOT);
  return instants;
}

const everyFiveSeconds = Array.from({ length: 50 }, (_, index) => index * 5000);

test("the last time is not covered yet: a segment can end between two collectors of one millisecond", () => {
  const covered = placed([1_000_000, 1_005_000, 1_010_000]).covered(MISSING);
  assert.equal(holdsInstant(covered, 1_009_999), true);
  assert.equal(holdsInstant(covered, 1_010_000), false);
});

test("collectors that run close to each other do not turn the time to the next run into a gap", () => {
  const covered = placed(everyFiveSeconds.flatMap((time) => [time, time + 1, time + 2])).covered(
    MISSING,
  );
  assert.equal(covered.length, 1);
});

test("runs that did not take place are a gap", () => {
  const covered = placed(
    everyFiveSeconds.filter((time) => time < 100_000 || time >= 130_000),
  ).covered(MISSING);
  assert.equal(holdsInstant(covered, 105_000), false);
  assert.equal(holdsInstant(covered, 90_000), true);
  assert.equal(holdsInstant(covered, 140_000), true);
});

test("a range that begins long before the first time is not covered up to it", () => {
  const instants = placed(everyFiveSeconds.map((time) => time + 100_000));
  assert.equal(
    holdsInstant(instants.covered([{ fromMs: 97_000, untilMs: 200_000 }]), 97_000),
    true,
  );
  assert.equal(
    holdsInstant(instants.covered([{ fromMs: 50_000, untilMs: 200_000 }]), 97_000),
    false,
  );
});

test("a kill soon after the start of an exporter does not make its absence the usual distance", () => {
  const instants = new PlacedInstants(SCRAPE_MS);
  for (const segment of [[0, 5000, 10_000], [610_000], [700_000, 705_000]]) {
    instants.beginSegment();
    for (const time of segment) instants.add(time, BOOT);
  }
  const covered = instants.covered(MISSING);
  assert.equal(holdsInstant(covered, 7000), true);
  assert.equal(holdsInstant(covered, 300_000), false);
  assert.equal(holdsInstant(covered, 650_000), false);
  assert.equal(holdsInstant(covered, 702_000), true);
});

test("segments that follow each other without a pause have no gap between them", () => {
  const instants = new PlacedInstants(SCRAPE_MS);
  for (const time of everyFiveSeconds) {
    if (time % 50_000 === 0) instants.beginSegment();
    instants.add(time, BOOT);
  }
  assert.equal(instants.covered(MISSING).length, 1);
});
