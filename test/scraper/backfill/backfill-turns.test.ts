import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type {
  HttpRequest,
  HttpResponse,
  SendHttp,
} from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { encodeHistoryList, HISTORY_PATH } from "../../../exporter/shared/protocol/history.js";
import { Backfill } from "../../../scraper/backfill/backfill.js";
import type { KnownHost } from "../../../scraper/fleet/known-host.js";
import { DEFAULT_FILE_NAMES } from "../../../scraper/host-logs/host-log-settings.js";
import { HostLogs } from "../../../scraper/host-logs/host-logs.js";
import { settings, target } from "../scrape/scrape-fixture.js";
import { openStorage } from "../storage/storage-fixture.js";

const SCRAPE_MS = 5000;
const HOUR_MS = 3_600_000;
const BOOT = "8859f9e1-e0c4-4b5b-afee-c9b0e4368736";
/** Time after which a Pi that trickles loses its turn. */
const TURN_MS = 40_000;
/** Until the link is noticed, and between two fetches of one history. */
const LONGEST_PAUSE_MS = 30_000;

const TRICKLING = ["10.0.0.1", "10.0.0.2"];
const HONEST = ["10.0.0.3", "10.0.0.4", "10.0.0.5"];
/** The order of the configuration: those that trickle come first. */
const hosts = [...TRICKLING, ...HONEST];

const { files, clock, storage } = await openStorage();
const startMs = clock.wallMs();
let isLinked = true;
/** The time of each request for a list, by host. */
const listsOf = new Map<string, number[]>();
const fetching = new Set<string>();
let mostAtOnce = 0;

const nodeIdOf = (host: string): string => host.replaceAll(".", "").padStart(32, "0");

/** Says that it has 128 MiB, and sends a byte of it every 20 s. */
async function trickle(request: HttpRequest): Promise<HttpResponse> {
  const from = /bytes=(\d+)-/.exec(request.headers?.["Range"] ?? "")?.[1] ?? "";
  await clock.sleep(20_000, request.signal);
  return { status: 206, headers: { "content-range": `bytes ${from}-` }, body: Buffer.alloc(1) };
}

function list(host: string): HttpResponse {
  const nowMs = clock.wallMs();
  const segment = {
    ...{ name: `0000000001-${nowMs - HOUR_MS}.prom.gz`, fromMs: nowMs - HOUR_MS },
    ...{ lastMs: nowMs - 1000, bytes: 128 * 1024 * 1024, sha256: "a".repeat(64) },
    ...{ open: false, bootId: BOOT },
  };
  const text = encodeHistoryList({
    nodeId: nodeIdOf(host),
    bootId: BOOT,
    wallMs: nowMs,
    monotonicMs: nowMs - startMs + HOUR_MS,
    segments: TRICKLING.includes(host) ? [segment] : [],
  });
  return { status: 200, headers: {}, body: Buffer.from(text) };
}

const sendHttp: SendHttp = async (request) => {
  const { hostname, pathname } = new URL(request.url);
  fetching.add(hostname);
  mostAtOnce = Math.max(mostAtOnce, fetching.size);
  try {
    if (pathname !== HISTORY_PATH) return await trickle(request);
    listsOf.set(hostname, [...(listsOf.get(hostname) ?? []), clock.wallMs()]);
    return list(hostname);
  } finally {
    fetching.delete(hostname);
  }
};

function knownHost(address: string): KnownHost {
  const nowMs = clock.wallMs();
  return {
    ...{ address, port: 8732, firstSeenMs: 0, lastSeenMs: nowMs },
    node: {
      ...{ nodeId: nodeIdOf(address), hostname: "pi", bootId: BOOT, lastHeartbeatMs: nowMs },
      ...{ clockOffsetMs: 0, monotonicMs: nowMs - startMs + HOUR_MS },
      history: { fromMs: startMs - HOUR_MS, untilMs: nowMs, sizeBytes: 1 },
    },
  };
}

const targets = hosts.map((host) => target(host, settings({ intervalMs: SCRAPE_MS })));
const logSettings = { isEnabled: true, linesPerWrite: 10, maxWaitMs: 600_000 };
const backfill = new Backfill({
  ...{ dataFolder: "/data", files, clock, log: silentLogger, sendHttp, token: "secret" },
  ...{ querier: storage.querier, writer: storage, fleet: { hostAt: knownHost } },
  hostLogs: new HostLogs({
    ...{ folder: "/data", files, clock, log: silentLogger },
    settings: { ...logSettings, maxFileBytes: 1e6, maxOldFiles: 1, fileNames: DEFAULT_FILE_NAMES },
  }),
  settings: { enabled: true, bytesPerSecond: 1e9, concurrency: 2, maxAgeMs: 24 * HOUR_MS },
});
await backfill.open();
backfill.setTargets(targets);
backfill.start();
after(() => backfill.stop());

/** Scrapes and heartbeats, as far as the link lets them through. */
async function pass(durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += SCRAPE_MS) {
    for (const one of targets) {
      const layout = storage.internLayout([Labels.of({ [METRIC_NAME]: "up" })]);
      const table = storage.openTable({ folder: `hosts/${one.host}`, labels: one.labels });
      table.append(clock.wallMs(), layout, Float64Array.of(isLinked ? 1 : 0));
      backfill.noteScrape(one, clock.wallMs(), isLinked);
      if (isLinked) backfill.noteHeartbeat(knownHost(one.host));
    }
    await storage.commit();
    for (let second = 0; second < SCRAPE_MS; second += 1000) await clock.advance(1000);
  }
}

async function outage(): Promise<number> {
  isLinked = false;
  await pass(60_000);
  isLinked = true;
  listsOf.clear();
  return clock.wallMs();
}

const waitOf = (host: string, sinceMs: number): number =>
  (listsOf.get(host)?.[0] ?? Number.POSITIVE_INFINITY) - sinceMs;

test("two Pis that trickle their histories hold up the others for one turn only", async () => {
  await pass(30_000);
  const sinceMs = await outage();
  await pass(180_000);
  for (const host of HONEST) {
    assert.ok(waitOf(host, sinceMs) <= TURN_MS + 15_000, `${host}: ${waitOf(host, sinceMs)} ms`);
  }
  assert.equal(mostAtOnce, 2);
});

test("Pis that trickled before do not hold up the others at all", async () => {
  const sinceMs = await outage();
  await pass(60_000);
  for (const host of HONEST) {
    assert.ok(waitOf(host, sinceMs) <= LONGEST_PAUSE_MS, `${host}: ${waitOf(host, sinceMs)} ms`);
  }
});

test("a Pi that trickled is asked again, after those that did not", async () => {
  await pass(600_000);
  for (const host of TRICKLING) assert.ok(listsOf.has(host), host);
});
