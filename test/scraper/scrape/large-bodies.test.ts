import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { NO_RELABELING } from "../../../scraper/fleet/relabeling.js";
import type { ScrapeSettings } from "../../../scraper/fleet/target.js";
import { LARGE_BODY_BYTES } from "../../../scraper/scrape/large-bodies.js";
import { DEFAULT_POOL_SETTINGS, ScrapeManager } from "../../../scraper/scrape/scrape-manager.js";
import { MAX_LAYOUT_SERIES } from "../../../scraper/storage/model/layout-registry.js";
import { FakeClock } from "../../support/fake-clock.js";
import { valueOf } from "../../support/metric-values.js";
import { openStorage } from "../storage/storage-fixture.js";
import { showSamples } from "./memory-sample-writer.js";
import {
  createFixture,
  inTurn,
  INTERVAL_MS,
  settings,
  target,
  type ScrapeFixture,
} from "./scrape-fixture.js";

/** A clock on which each reading of the monotonic time takes a millisecond. */
class WorkingClock extends FakeClock {
  private readings = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + ++this.readings;
  }
}

function bodyOf(samples: number, generation = 0): string {
  return Array.from(
    { length: samples },
    (_, index) => `m_${index % 50}{pod="p${index}-${generation}"} ${index}\n`,
  ).join("");
}

async function scrapeOnce(
  body: string,
  changes: Partial<ScrapeSettings> = {},
): Promise<ScrapeFixture> {
  const fixture = createFixture({ answer: inTurn(body) });
  fixture.manager.sync([target("10.0.0.7", settings(changes))]);
  await fixture.clock.advance(INTERVAL_MS);
  await fixture.manager.stop();
  return fixture;
}

test("a large body is read and stored in slices, and other targets are scraped in between", async () => {
  const body = bodyOf(20_000);
  assert.ok(body.length >= LARGE_BODY_BYTES);
  const events: string[] = [];
  const clock = new WorkingClock();
  const fixture = createFixture({
    clock,
    answer: ({ url }) => (url.includes("10.0.0.7") ? body : "small 1\n"),
  });
  fixture.writer.onRow = () => undefined;
  fixture.manager.sync([target("10.0.0.7"), target("10.0.0.8")]);
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await clock.advance(INTERVAL_MS);
  while (fixture.outcomes.length < 2) await new Promise(setImmediate);
  isOver = true;
  await fixture.manager.stop();
  events.push(...fixture.outcomes.map(({ layout }) => String(layout.series.length)));
  assert.deepEqual(events.sort(), ["20005", "6"]);
  assert.ok(turns > 100, `${turns} turns of the event loop`);
});

test("a large body with 50,000 new series at each scrape: reports and staleness markers are complete", async () => {
  const bodies = [1, 2, 3].map((generation) => bodyOf(20_000, generation));
  const fixture = createFixture({ answer: inTurn(...bodies) });
  fixture.manager.sync([target()]);
  await fixture.clock.advance(3 * INTERVAL_MS);
  await fixture.manager.stop();
  const rows = fixture.writer.table().rows;
  assert.deepEqual(
    rows.map(({ layout }) => layout.series.length),
    [20_005, 40_005, 40_005],
  );
  const shown = showSamples(rows.at(-1) ?? assert.fail("a row"));
  assert.ok(shown.includes('m_7{pod="p7-3"} 7'));
  assert.ok(shown.includes('m_7{pod="p7-2"} stale'));
  assert.ok(!shown.some((line) => line.includes('-1"}')));
  assert.equal(rows.at(-1)?.values[4], 20_000, "scrape_series_added");
});

test("sample_limit ends the reading of a large body at once", async () => {
  const { outcomes, manager, requests } = await scrapeOnce(bodyOf(20_000), { sampleLimit: 1000 });
  assert.equal(requests[0]?.maxLines, 1000);
  const [outcome] = outcomes;
  assert.match(
    outcome?.error ?? "",
    /^sample limit exceeded \(samples: more than 1000, limit: 1000\)$/,
  );
  const scraped = outcome?.values[2] ?? 0;
  assert.ok(scraped > 1000 && scraped < 2000, `${scraped} samples read`);
  assert.equal(valueOf(manager, "pihealth_scrape_limit_exceeded_total"), 1);
});

test("a large body with exactly sample_limit samples is stored", async () => {
  const { outcomes } = await scrapeOnce(bodyOf(20_000), { sampleLimit: 20_000 });
  assert.equal(outcomes[0]?.error, "");
});

test("relabelling may bring a large body below sample_limit", async () => {
  const { outcomes } = await scrapeOnce(bodyOf(20_000), {
    sampleLimit: 400,
    metricRelabeling: (labels) => (labels.name === "m_1" ? labels : undefined),
  });
  assert.equal(outcomes[0]?.error, "");
  assert.equal(outcomes[0]?.layout.series.length, 405);
});

test("without sample_limit, a body has at most as many samples as a target may have series", async () => {
  const { outcomes, requests } = await scrapeOnce(bodyOf(MAX_LAYOUT_SERIES), {
    metricRelabeling: NO_RELABELING,
  });
  assert.equal(requests[0]?.maxLines, MAX_LAYOUT_SERIES - 5);
  assert.match(outcomes[0]?.error ?? "", /^sample limit exceeded/);
});

test("a target that is removed while its large body is read writes nothing", async () => {
  const clock = new WorkingClock();
  const fixture = createFixture({ clock, answer: inTurn(bodyOf(20_000)) });
  fixture.manager.sync([target()]);
  const scraped = clock.advance(INTERVAL_MS);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  fixture.manager.sync([]);
  await scraped;
  await fixture.manager.stop();
  assert.deepEqual(
    fixture.writer.table().rows.filter(({ values }) => values[0] === 1),
    [],
  );
});

test("a large target in the storage: the samples of small and sliced scrapes are the same, after a restart too", async () => {
  const stored = async (largeBodyBytes: number): Promise<unknown> => {
    const setup = await openStorage();
    const { storage, clock, files } = setup;
    let scrapes = 0;
    const manager = new ScrapeManager({
      writer: storage,
      clock,
      log: silentLogger,
      version: "1",
      pools: DEFAULT_POOL_SETTINGS,
      largeBodyBytes,
      sendHttp: async () => {
        const generation = Math.floor(scrapes++ / 5);
        return {
          status: 200,
          headers: { "content-type": "text/plain; version=0.0.4" },
          body: Buffer.from(bodyOf(300, generation).replaceAll("} ", `} ${scrapes}`)),
        };
      },
    });
    manager.start();
    manager.sync([target()]);
    for (let scrape = 0; scrape < 60; scrape++) {
      await clock.advance(INTERVAL_MS);
      if (scrape % 7 !== 6) continue;
      await storage.commit();
      await storage.maintainJournal();
    }
    await manager.stop();
    await storage.commit();
    const again = await openStorage(files.afterPowerCut());
    const range = { fromMs: 0, untilMs: 8.64e15 };
    const answers = await Promise.all(
      [storage, again.storage].map(async (opened) => {
        const tables = await opened.querier.select([], range);
        return tables.flatMap(({ timestamps, series }) =>
          series
            .map(({ labels, values }) => `${labels.toString()} ${hash(timestamps, values)}`)
            .sort(),
        );
      }),
    );
    assert.deepEqual(answers[0], answers[1]);
    return answers[0];
  };
  assert.deepEqual(await stored(0), await stored(Number.POSITIVE_INFINITY));
});

/** Every sample by its bits. */
function hash(timestamps: Float64Array, values: Float64Array): string {
  return [timestamps, values]
    .map((numbers) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength))
    .map((bytes) => bytes.toString("base64"))
    .join(" ");
}
