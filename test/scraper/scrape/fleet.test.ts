import assert from "node:assert/strict";
import { test } from "node:test";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import {
  HttpError,
  type HttpRequest,
  type HttpResponse,
  sendHttp,
} from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import type { ScrapeSettings, Target } from "../../../scraper/fleet/target.js";
import { DEFAULT_POOL_SETTINGS, ScrapeManager } from "../../../scraper/scrape/scrape-manager.js";
import {
  type LoopbackServer,
  serveRaw,
  serveHttp,
  refusingAddress,
} from "../../support/loopback-servers.js";
import { MemorySampleWriter, type MemoryTable } from "./memory-sample-writer.js";
import { settings, target } from "./scrape-fixture.js";
import { FakeClock } from "../../support/fake-clock.js";
import { valuesOf } from "../../support/metric-values.js";

const HEALTHY = 150;
const REFUSING = 20;
const SILENT = 20;
const SLOW = 10;
const ROUNDS = 5;
const INTERVAL_MS = 2000;
const ANSWER_AFTER_MS = 1900;
const STEP_MS = 20;
/** Never reached: timeouts pass on the clock of the test. */
const REAL_TIMEOUT_MS = 600_000;
const SCRAPE: ScrapeSettings = settings({ intervalMs: INTERVAL_MS, timeoutMs: 1500 });

const body = (value: number): string =>
  `# TYPE load gauge\nload ${value}\n` +
  Array.from({ length: 50 }, (_, index) => `m${index}{a="b"} ${value + index}\n`).join("");

/** 127.0.1.1, 127.0.1.2 ... */
const address = (index: number): string =>
  `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;

function startServer(index: number, clock: FakeClock): Promise<LoopbackServer> {
  const host = address(index);
  if (index < HEALTHY) {
    let served = 0;
    return serveHttp((_, response) => void response.end(body(served++)), host);
  }
  if (index < HEALTHY + REFUSING) return refusingAddress(host);
  if (index < HEALTHY + REFUSING + SILENT) return serveRaw(undefined, host);
  return serveHttp((_, response) => {
    void clock.sleep(ANSWER_AFTER_MS).then(() => response.end(body(1)));
  }, host);
}

/**
 * Real requests to real servers, on a clock that stands still until every server that answers at
 * once has answered. The speed of the machine changes nothing.
 */
class RequestsOnFakeTime {
  readonly clock = new FakeClock();
  /** Requests whose answers need no time of the clock. */
  private underWay = 0;
  private readonly waiting = new Set<string>();

  /** @param hosts those that let time pass before they answer */
  letWait(hosts: readonly string[]): void {
    for (const host of hosts) this.waiting.add(host);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const isPrompt = !this.waiting.has(new URL(request.url).hostname);
    const over = new AbortController();
    const signals = request.signal === undefined ? [over.signal] : [request.signal, over.signal];
    const signal = AbortSignal.any(signals);
    if (isPrompt) this.underWay++;
    try {
      return await Promise.race([
        sendHttp({ ...request, timeoutMs: REAL_TIMEOUT_MS, signal }),
        this.timeOut(request.timeoutMs, signal),
      ]);
    } finally {
      if (isPrompt) this.underWay--;
      over.abort(new Error("answered"));
    }
  }

  async pass(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
      await this.clock.advance(STEP_MS);
      while (this.underWay > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async timeOut(timeoutMs: number, signal: AbortSignal): Promise<never> {
    await this.clock.sleep(timeoutMs, signal);
    throw new HttpError("timeout", `no whole answer within ${timeoutMs}ms`);
  }
}

const upOf = ({ rows }: MemoryTable): (number | undefined)[] => rows.map(({ values }) => values[0]);

test("150 healthy targets miss no scrape beside 40 dead and 10 slow ones", async () => {
  const requests = new RequestsOnFakeTime();
  const { clock } = requests;
  const servers = await Promise.all(
    Array.from({ length: HEALTHY + REFUSING + SILENT + SLOW }, (_, index) =>
      startServer(index, clock),
    ),
  );
  requests.letWait(servers.slice(HEALTHY + REFUSING).map(({ host }) => host));
  const targets = servers.map(({ host, port }) => target(host, SCRAPE, port));
  const writer = new MemorySampleWriter();
  const manager = new ScrapeManager({
    writer,
    clock,
    sendHttp: (request) => requests.send(request),
    log: silentLogger,
    version: "1",
    pools: DEFAULT_POOL_SETTINGS,
    onScrapeStored: () => undefined,
  });
  manager.start();
  manager.sync(targets);
  await requests.pass(ROUNDS * INTERVAL_MS);
  const missed = valuesOf(manager, "pihealth_scrape_pool_missed_total");
  await manager.stop();
  await Promise.all(servers.map((server) => server.close()));

  const tableOf = ({ host }: Target): MemoryTable => writer.table(`hosts/${host}`);
  for (const healthy of targets.slice(0, HEALTHY)) {
    const table = tableOf(healthy);
    assert.deepEqual(new Set(upOf(table)), new Set([1]), healthy.host);
    const times = table.rows.map(({ timestampMs }) => timestampMs);
    const distances = times.slice(1).map((timeMs, index) => timeMs - itemAt(times, index));
    assert.deepEqual(distances, new Array<number>(ROUNDS - 1).fill(INTERVAL_MS), healthy.host);
  }
  for (const dead of targets.slice(HEALTHY)) {
    assert.deepEqual(new Set(upOf(tableOf(dead))), new Set([0]), dead.host);
    assert.ok(tableOf(dead).rows.length >= ROUNDS - 2, `${dead.host}: up goes on being written`);
    assert.equal(manager.health(dead.id)?.pool, "slow");
  }
  assert.deepEqual(missed, [0, 0, 0, 0, 0, 0]);
  assert.equal(
    writer.layouts.size,
    2,
    "healthy targets share one layout, all others that of the reports",
  );
});
