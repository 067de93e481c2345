import assert from "node:assert/strict";
import { test } from "node:test";
import {
  HttpError,
  type HttpResponse,
} from "../../../exporter/shared/platform/http/http-client.js";
import { offsetOf } from "../../../scraper/scrape/scrape-schedule.js";
import {
  createFixture,
  INTERVAL_MS,
  settings,
  target,
  type ScrapeFixture,
} from "./scrape-fixture.js";
import { showSamples } from "./memory-sample-writer.js";
import { assertEvery } from "../../support/assert-every.js";
import { valuesOf } from "../../support/metric-values.js";

const refused = new HttpError("unreachable", "refused");
const hosts = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
const hostOf = (url: string): string => new URL(url).hostname;
const metric = ({ manager }: ScrapeFixture, name: string): number[] => valuesOf(manager, name);

const never = (): Promise<HttpResponse> => new Promise(() => undefined);

test("A new target joins the shortest pool", () => {
  const { manager } = createFixture({ answer: () => "a 1\n" });
  const targets = hosts(12).map((host) => target(host));
  manager.sync(targets);
  assert.deepEqual(
    targets.map(({ id }) => manager.poolOf(id)),
    [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1],
  );
  const withoutSome = targets.filter(({ id }) => manager.poolOf(id) !== 3);
  manager.sync(withoutSome);
  const added = target("10.9.9.9");
  manager.sync([...withoutSome, added]);
  assert.equal(manager.poolOf(added.id), 3);
  assert.equal(manager.poolOf(target("10.8.8.8").id), undefined);
});

test("A duplicate target is refused and counted", async () => {
  const fixture = createFixture({ answer: () => "a 1\n" });
  fixture.manager.sync([target(), target()]);
  assert.equal(fixture.manager.targets().length, 1);
  await fixture.clock.advance(INTERVAL_MS);
  assert.equal(fixture.requests.length, 1);
  assert.deepEqual(metric(fixture, "pihealth_scrape_duplicate_targets_total"), [1]);
  await fixture.manager.stop();
});

test("Every target is scraped once per interval, at its own offset, on a grid that survives restarts", async () => {
  const { clock, manager, writer } = createFixture({ answer: () => "a 1\n" });
  const targets = hosts(300).map((host) => target(host));
  manager.sync(targets);
  await clock.advance(3 * INTERVAL_MS);
  for (const { id, host } of targets) {
    const times = writer.table(`hosts/${host}`).rows.map(({ timestampMs }) => timestampMs);
    assert.equal(times.length, 3);
    assert.deepEqual(
      new Set(times.map((time) => time % INTERVAL_MS)),
      new Set([offsetOf(id, INTERVAL_MS)]),
    );
  }
  await manager.stop();
});

test("Offsets are distributed evenly over the interval", () => {
  const slots = new Array<number>(15).fill(0);
  for (const host of hosts(3000)) {
    const slot = Math.floor(offsetOf(target(host).id, INTERVAL_MS) / 1000);
    slots[slot] = (slots[slot] ?? 0) + 1;
  }
  assert.ok(Math.min(...slots) > 140 && Math.max(...slots) < 260, slots.join());
});

test("A request names the scraper, its timeout and the formats it accepts", async () => {
  const { clock, manager, requests } = createFixture({ answer: () => "a 1\n" });
  manager.sync([target("10.0.0.7", settings({ headers: { Authorization: "Bearer x" } }))]);
  await clock.advance(INTERVAL_MS);
  const [request] = requests;
  assert.equal(request?.url, "http://10.0.0.7:8732/metrics");
  assert.equal(request?.timeoutMs, 10_000);
  assert.deepEqual(request?.headers, {
    Accept:
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "pihealth/1.2.3",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
    Authorization: "Bearer x",
  });
  await manager.stop();
});

test("A target that fails three times in a row goes to the slow lane and is still scraped at each interval", async () => {
  const { clock, manager, writer, requests } = createFixture({ answer: () => refused });
  const dead = target();
  manager.sync([dead]);
  await clock.advance(2 * INTERVAL_MS);
  assert.equal(manager.health(dead.id)?.pool, 0);
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(manager.health(dead.id), {
    health: "down",
    lastError: "refused",
    lastScrapeMs: writer.table().rows[2]?.timestampMs,
    lastScrapeDurationSeconds: 0,
    pool: "slow",
  });
  await clock.advance(97 * INTERVAL_MS);
  assert.equal(requests.length, 100);
  assert.deepEqual(
    writer.table().rows.map((row) => showSamples(row).join()),
    new Array<string>(100).fill("up 0"),
  );
  await manager.stop();
});

test("However long a target was away, its first scrape after it came back is stored", async () => {
  for (const intervalsAway of [1, 3, 4, 70, 2000]) {
    let isAway = true;
    const { clock, manager, writer } = createFixture({
      answer: () => (isAway ? refused : "a 1\n"),
    });
    manager.sync([target()]);
    await clock.advance(intervalsAway * INTERVAL_MS);
    isAway = false;
    await clock.advance(INTERVAL_MS);
    const shown = writer.table().rows.map((row) => showSamples(row).join());
    assert.equal(shown.filter((row) => row === "up 0").length, intervalsAway);
    assert.equal(shown.at(-1), "up 1,a 1");
    await manager.stop();
  }
});

test("Scrapes of the slow lane beyond its slots wait in turn: no sample is written without a request", async () => {
  const fixture = createFixture({
    pools: { maxSlowInFlight: 2 },
    answer: () =>
      fixture.clock.sleep(10_000).then(() => {
        throw new HttpError("timeout", "late");
      }),
  });
  const { clock, manager, requests, writer } = fixture;
  const targets = hosts(9).map((host) => target(host));
  manager.sync(targets);
  await clock.advance(3 * INTERVAL_MS + 10_000);
  assertEvery(targets, ({ id }) => manager.poolOf(id) === "slow");
  const before = requests.length;
  await clock.advance(30 * INTERVAL_MS);
  // Two slots of 10 s in 450 s.
  assert.equal(requests.length - before, 90);
  const counts = targets.map(({ host }) => writer.table(`hosts/${host}`).rows.length);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    requests.length - 2,
  );
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 2, counts.join());
});

test("A successful scrape moves a target back to the shortest pool", async () => {
  const { clock, manager, writer, requests } = createFixture({
    answer: () => (requests.length > 3 ? "a 1\n" : refused),
  });
  const lazarus = target();
  manager.sync([lazarus]);
  await clock.advance(3 * INTERVAL_MS);
  assert.equal(manager.health(lazarus.id)?.pool, "slow");
  await clock.advance(INTERVAL_MS);
  assert.equal(manager.health(lazarus.id)?.pool, 0);
  const shown = writer.table().rows.map((row) => showSamples(row).join());
  assert.deepEqual(shown, ["up 0", "up 0", "up 0", "up 1,a 1"]);
  await manager.stop();
});

test("A pool keeps its bound on requests, and targets that failed leave slots for the others", async () => {
  let isOut = true;
  const isSilent = (url: string): boolean => Number(hostOf(url).split(".")[3]) < 30;
  let inFlight = 0;
  let most = 0;
  const fixture = createFixture({
    pools: { count: 1, maxInFlight: 10, failuresToSlowLane: 99 },
    answer: ({ url }) => {
      most = Math.max(most, ++inFlight);
      if (isOut || isSilent(url)) {
        return fixture.clock.sleep(10_000).then(() => {
          inFlight--;
          throw new HttpError("timeout", "late");
        });
      }
      inFlight--;
      return "a 1\n";
    },
  });
  const { clock, manager, writer } = fixture;
  manager.sync(hosts(60).map((host) => target(host)));
  await clock.advance(20 * INTERVAL_MS);
  assert.equal(most, 10);
  isOut = false;
  await clock.advance(10 * INTERVAL_MS);
  const before = hosts(60)
    .slice(30)
    .map((host) => writer.table(`hosts/${host}`).rows.length);
  await clock.advance(4 * INTERVAL_MS);
  const after = hosts(60)
    .slice(30)
    .map((host) => writer.table(`hosts/${host}`).rows.length);
  assert.deepEqual(
    after.map((count, index) => count - (before[index] ?? 0)),
    new Array<number>(30).fill(4),
  );
});

test("A scrape that is still running is not started again, which is counted", async () => {
  const fixture = createFixture({ answer: () => never() });
  fixture.manager.sync([target()]);
  await fixture.clock.advance(3 * INTERVAL_MS);
  assert.equal(fixture.requests.length, 1);
  assert.deepEqual(metric(fixture, "pihealth_scrape_pool_missed_total"), [2, 0, 0, 0, 0, 0]);
  assert.deepEqual(metric(fixture, "pihealth_scrape_pool_in_flight"), [1, 0, 0, 0, 0, 0]);
});

for (const { name, stepMs } of [
  { name: "one hour back", stepMs: -3_600_000 },
  { name: "ten years forward", stepMs: 10 * 365 * 86_400_000 },
  { name: "seven seconds forward", stepMs: 7000 },
]) {
  test(`A clock that steps ${name} neither stops scrapes nor causes a burst`, async () => {
    const { clock, manager, writer } = createFixture({ answer: () => "a 1\n" });
    manager.sync([target()]);
    await clock.advance(5 * INTERVAL_MS);
    clock.stepWall(stepMs);
    await clock.advance(10 * INTERVAL_MS);
    const times = writer.table().rows.map(({ timestampMs }) => timestampMs);
    assert.ok(times.length >= 15 && times.length <= 16, String(times.length));
    const settled = times.slice(-8);
    assertEvery(
      settled.slice(1),
      (time, index) => time - (settled[index] ?? 0) === INTERVAL_MS,
      times.join(),
    );
    await manager.stop();
  });
}

test("Another interval after a reload reschedules the target and keeps its series", async () => {
  const { clock, manager, writer } = createFixture({ answer: () => "a 1\n" });
  manager.sync([target()]);
  await clock.advance(2 * INTERVAL_MS);
  manager.sync([target("10.0.0.7", settings({ intervalMs: 5000 }))]);
  await clock.advance(2 * INTERVAL_MS);
  assert.equal(writer.table().rows.length, 8);
  assert.equal(writer.layouts.size, 1);
  await manager.stop();
});

test("Stopping ends requests in flight and stores nothing of them", async () => {
  const { clock, manager, requests, writer } = createFixture({
    answer: ({ signal }) =>
      new Promise<HttpResponse>((_, reject) => {
        signal?.addEventListener("abort", () => reject(new HttpError("aborted", "stopped")));
      }),
  });
  manager.sync([target()]);
  await clock.advance(INTERVAL_MS);
  assert.equal(requests.length, 1);
  await manager.stop();
  assert.deepEqual(writer.table().rows, []);
});
