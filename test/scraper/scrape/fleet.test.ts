import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { sendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import type { ScrapeSettings, Target } from "../../../scraper/fleet/target.js";
import { DEFAULT_POOL_SETTINGS, ScrapeManager } from "../../../scraper/scrape/scrape-manager.js";
import { refusingAddress, serveHttp, serveRaw, type LoopbackServer } from "./loopback-exporters.js";
import { MemorySampleWriter, type MemoryTable } from "./memory-sample-writer.js";
import { settings, target } from "./scrape-fixture.js";
import { assertEvery } from "../../support/assert-every.js";

const HEALTHY = 150;
const REFUSING = 20;
const SILENT = 20;
const SLOW = 10;
const ROUNDS = 5;
const INTERVAL_MS = 2000;
const ANSWER_AFTER_MS = 1900;
const SCRAPE: ScrapeSettings = settings({ intervalMs: INTERVAL_MS, timeoutMs: 1500 });

const body = (value: number): string =>
  `# TYPE load gauge\nload ${value}\n` +
  Array.from({ length: 50 }, (_, index) => `m${index}{a="b"} ${value + index}\n`).join("");

/** 127.0.1.1, 127.0.1.2 ... */
const address = (index: number): string =>
  `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;

function startServer(index: number): Promise<LoopbackServer> {
  const host = address(index);
  if (index < HEALTHY) {
    let served = 0;
    return serveHttp((_, response) => void response.end(body(served++)), host);
  }
  if (index < HEALTHY + REFUSING) return refusingAddress(host);
  if (index < HEALTHY + REFUSING + SILENT) return serveRaw(undefined, host);
  return serveHttp(
    (_, response) => void setTimeout(() => response.end(body(1)), ANSWER_AFTER_MS),
    host,
  );
}

const upOf = ({ rows }: MemoryTable): (number | undefined)[] => rows.map(({ values }) => values[0]);

test("150 healthy targets miss no scrape beside 40 dead and 10 slow ones", async () => {
  const servers = await Promise.all(
    Array.from({ length: HEALTHY + REFUSING + SILENT + SLOW }, (_, index) => startServer(index)),
  );
  const targets = servers.map(({ host, port }) => target(host, SCRAPE, port));
  const writer = new MemorySampleWriter();
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const scrapes = new Map<string, number>();
  const manager = new ScrapeManager({
    writer,
    clock: systemClock,
    sendHttp,
    log: silentLogger,
    version: "1",
    pools: DEFAULT_POOL_SETTINGS,
    onScrapeStored: ({ host }: Target) => {
      scrapes.set(host, (scrapes.get(host) ?? 0) + 1);
      if (targets.slice(0, HEALTHY).every((healthy) => (scrapes.get(healthy.host) ?? 0) >= ROUNDS))
        finish();
    },
  });
  manager.start();
  manager.sync(targets);
  await finished;
  const missed = manager
    .metrics()
    .filter(({ name }) => name === "pihealth_scrape_pool_missed_total");
  await manager.stop();
  await Promise.all(servers.map((server) => server.close()));

  const tableOf = ({ host }: Target): MemoryTable => writer.table(`hosts/${host}`);
  for (const healthy of targets.slice(0, HEALTHY)) {
    const { rows } = tableOf(healthy);
    assert.deepEqual(new Set(upOf({ rows } as MemoryTable)), new Set([1]), healthy.host);
    const distances = rows
      .slice(1)
      .map(({ timestampMs }, index) => timestampMs - (rows[index]?.timestampMs ?? 0));
    // A machine under load may start one late, but each has its place on the grid of the interval.
    assertEvery(
      distances,
      (distance) => Math.round(distance / INTERVAL_MS) === 1,
      `${healthy.host}: ${distances.join()}`,
    );
  }
  for (const dead of targets.slice(HEALTHY)) {
    assert.deepEqual(new Set(upOf(tableOf(dead))), new Set([0]), dead.host);
    assert.ok(tableOf(dead).rows.length >= ROUNDS - 2, `${dead.host}: up goes on being written`);
    assert.equal(manager.health(dead.id)?.pool, "slow");
  }
  assert.deepEqual(
    missed.map(({ value }) => value),
    [0, 0, 0, 0, 0, 0],
  );
  assert.equal(
    writer.layouts.size,
    2,
    "healthy targets share one layout, all others that of the reports",
  );
});
