import assert from "node:assert/strict";
import { test } from "node:test";
import { createLabelMatcher } from "../../../../scraper/storage/model/label-matcher.js";
import { assertEvery } from "../../../support/assert-every.js";
import { CountingPace } from "../../../support/counting-pace.js";
import { ALWAYS, appendRow, host, openStorage, START_MS } from "../storage-fixture.js";

const HOSTS = 8;
const COLUMNS = 200;
const ROWS = 40;
const VALUES_PER_SLICE = 4096;

for (const { name, minutes } of [
  { name: "blocks", minutes: 300 },
  { name: "the chunks and windows of the head", minutes: 0 },
]) {
  test(`reading many tables from ${name} pauses as often as its values need`, async () => {
    const { storage, clock } = await openStorage();
    for (let row = 0; row < ROWS; row++) {
      for (let index = 0; index < HOSTS; index++) {
        const values = Object.fromEntries(
          Array.from({ length: COLUMNS }, (_, column) => [`m_${column}`, row * column]),
        );
        appendRow(storage, host(`10.0.0.${index}`), START_MS + row * 15_000, values);
      }
    }
    await storage.commit();
    await clock.advance(minutes * 60_000);
    await storage.maintainJournal();
    await storage.maintainBlocks();
    const pace = new CountingPace(VALUES_PER_SLICE);
    const found = await storage.querier.select(
      [createLabelMatcher("job", "=", "pi")],
      ALWAYS,
      pace,
    );
    assert.equal(found.length, HOSTS);
    assertEvery(found, ({ series }) => series.length === COLUMNS);
    const leastPauses = (HOSTS * COLUMNS * ROWS) / (VALUES_PER_SLICE + COLUMNS * ROWS);
    assert.ok(pace.pauses >= Math.floor(leastPauses), `${pace.pauses} of ${leastPauses} pauses`);
    await storage.stop();
  });
}

test("a long pattern counts as more work than a short one", async () => {
  const { storage } = await openStorage();
  const values = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`m_${index}`, 1]));
  appendRow(storage, host("10.0.0.1"), START_MS, values);
  const pausesFor = async (pattern: string): Promise<number> => {
    const pace = new CountingPace(8192);
    await storage.querier.select([createLabelMatcher("__name__", "=~", pattern)], ALWAYS, pace);
    return pace.pauses;
  };
  const short = await pausesFor("m.1");
  const long = await pausesFor(`m.1|${"(x.y)?".repeat(2000)}`);
  assert.ok(long >= 500, `${long} pauses`);
  assert.ok(short < 10, `${short} pauses`);
});
