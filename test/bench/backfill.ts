import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Labels } from "../../exporter/shared/model/labels.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { encodeHistoryList } from "../../exporter/shared/protocol/history.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { BackfillCounters } from "../../scraper/backfill/backfill-metrics.js";
import { Bandwidth } from "../../scraper/backfill/bandwidth.js";
import { BootClocks } from "../../scraper/backfill/boot-clocks.js";
import { EndpointFiller } from "../../scraper/backfill/endpoint-filler.js";
import { HistoryClient } from "../../scraper/backfill/history-client.js";
import { TargetGaps } from "../../scraper/backfill/target-gaps.js";
import type { WatchedTarget } from "../../scraper/backfill/watched-targets.js";
import { DEFAULT_SCRAPE_SETTINGS } from "../../scraper/fleet/target.js";
import { HostLogs } from "../../scraper/host-logs/host-logs.js";
import { Storage } from "../../scraper/storage/storage.js";
import type { BenchFigure } from "./figure.js";
import { DEFAULT_FILE_NAMES } from "../../scraper/host-logs/host-log-settings.js";
import { SIMULATED_BOOT, simulateDay, type SimulatedSegment } from "./simulated-history.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NODE_ID = "0123456789abcdef0123456789abcdef";

/**
 * Time to store the history of one day of one Pi, from the first request to the last commit,
 * without the network.
 */
export async function benchBackfill(): Promise<BenchFigure[]> {
  const untilMs = Math.floor(Date.now() / 1000) * 1000;
  const history = simulateDay(untilMs - DAY_MS);
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-backfill-"));
  const settings = {
    path: folder,
    retentionMs: 90 * DAY_MS,
    retentionBytes: 0,
    commitIntervalMs: 5000,
    syncIntervalMs: 5000,
    blockDurationMs: 2 * HOUR_MS,
    maxBlockDurationMs: 8 * DAY_MS,
    queryCacheBytes: 64 * 1024 * 1024,
  };
  const parts = { folder, files: realFiles, clock: systemClock, log: silentLogger, settings };
  const storage = await Storage.open(parts);
  const counters = new BackfillCounters();
  const client = new HistoryClient({
    clock: systemClock,
    sendHttp: answerFrom(history, untilMs),
    bandwidth: new Bandwidth(systemClock, 1e12),
    token: "secret",
    countBytes: (bytes) => void (counters.bytes += bytes),
  });
  const saveGaps = async (): Promise<void> => undefined;
  const hostLogs = new HostLogs({
    folder,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings: {
      isEnabled: true,
      linesPerWrite: 10,
      maxWaitMs: 600_000,
      maxFileBytes: 10_485_760,
      maxOldFiles: 10,
      fileNames: DEFAULT_FILE_NAMES,
    },
  });
  const filler = new EndpointFiller({
    client,
    querier: storage.querier,
    writer: storage,
    clock: systemClock,
    log: silentLogger,
    counters,
    hostLogs,
    saveGaps,
  });
  const watched = watchedTarget(untilMs);
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  await filler.fill({
    targets: [watched],
    nodeId: NODE_ID,
    boots: new BootClocks(),
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(startCpu);
  await storage.stop();
  rmSync(folder, { recursive: true, force: true });
  return [
    { name: "backfill: a day of one Pi", unit: "s", ours: seconds, aim: "<= 2" },
    {
      name: "backfill: CPU per sample",
      unit: "us",
      ours: (cpu.user + cpu.system) / counters.samples,
      aim: "-",
    },
    { name: "backfill: samples of a day", unit: "", ours: counters.samples, aim: "-" },
    {
      name: "backfill: fetched per sample",
      unit: "B",
      ours: counters.bytes / counters.samples,
      aim: "-",
    },
  ];
}

function watchedTarget(untilMs: number): WatchedTarget {
  const gaps = new TargetGaps();
  gaps.noteScrape(untilMs, true, 15_000);
  gaps.noteStart([untilMs - DAY_MS], 15_000);
  const labels = Labels.of({ job: "pi", instance: "10.0.0.7:8732" });
  const target = {
    id: "pi",
    url: "http://10.0.0.7:8732/metrics",
    host: "10.0.0.7",
    port: 8732,
    labels,
    discoveredLabels: labels,
    settings: { ...DEFAULT_SCRAPE_SETTINGS, jobName: "pi" },
  };
  return { target, gaps, isNew: false, knownSinceMs: 0 };
}

function answerFrom(segments: readonly SimulatedSegment[], nowMs: number): SendHttp {
  return async ({ url, headers }) => {
    const found = segments.find(({ listing }) => url.endsWith(listing.name));
    if (found === undefined) {
      const clocks = { wallMs: nowMs, monotonicMs: DAY_MS };
      const list = {
        nodeId: NODE_ID,
        bootId: SIMULATED_BOOT,
        ...clocks,
        segments: segments.map(({ listing }) => listing),
      };
      return { status: 200, headers: {}, body: Buffer.from(encodeHistoryList(list)) };
    }
    const [, from = "0", to = "0"] = /bytes=(\d+)-(\d+)/.exec(headers?.["Range"] ?? "") ?? [];
    const body = found.bytes.subarray(Number(from), Number(to) + 1);
    return {
      status: 206,
      headers: { "content-range": `bytes ${from}-${to}/${found.bytes.length}` },
      body,
    };
  };
}
