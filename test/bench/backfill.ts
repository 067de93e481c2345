import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeMember } from "../../exporter/shared/codec/gzip-member.js";
import { formatMemberHeader } from "../../exporter/shared/codec/member-text.js";
import { formatSegmentName } from "../../exporter/shared/codec/segment-name.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { encodeHistoryList, type HistorySegment } from "../../exporter/shared/protocol/history.js";
import type { SendHttp } from "../../exporter/shared/platform/http-client.js";
import { BackfillCounters } from "../../scraper/backfill/backfill-metrics.js";
import { Bandwidth } from "../../scraper/backfill/bandwidth.js";
import { BootClocks } from "../../scraper/backfill/boot-clocks.js";
import { EndpointFiller } from "../../scraper/backfill/endpoint-filler.js";
import { HistoryClient } from "../../scraper/backfill/history-client.js";
import { TargetGaps } from "../../scraper/backfill/target-gaps.js";
import type { WatchedTarget } from "../../scraper/backfill/watched-target.js";
import { NO_RELABELING } from "../../scraper/fleet/relabeling.js";
import { HostLogs } from "../../scraper/host-logs/host-logs.js";
import { Storage } from "../../scraper/storage/storage.js";
import type { BenchFigure } from "./figure.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BOOT = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";
const NODE_ID = "0123456789abcdef0123456789abcdef";

/** Families of default size: series and seconds between samplings. */
const FAMILIES = [
  { name: "memory", series: 10, seconds: 5 },
  { name: "cpu", series: 60, seconds: 5 },
  { name: "processes", series: 20, seconds: 30 },
  { name: "disk", series: 60, seconds: 60 },
  { name: "system", series: 20, seconds: 60 },
  { name: "users", series: 8, seconds: 60 },
] as const;

/** How long the backlog of a day of one Pi takes, from the first request to the last commit, without the network. */
export async function benchBackfill(): Promise<BenchFigure[]> {
  const untilMs = Math.floor(Date.now() / 1000) * 1000;
  const history = simulateDay(untilMs - DAY_MS);
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-backfill-"));
  const settings = {
    path: folder, retentionMs: 90 * DAY_MS, retentionBytes: 0, commitIntervalMs: 5000, blockDurationMs: 2 * HOUR_MS,
    maxBlockDurationMs: 8 * DAY_MS,
    queryCacheBytes: 64 * 1024 * 1024,
  };
  const parts = { folder, files: realFiles, clock: systemClock, log: silentLogger, settings };
  const storage = await Storage.open(parts);
  const counters = new BackfillCounters();
  const client = new HistoryClient({
    clock: systemClock, sendHttp: history.answer(untilMs), bandwidth: new Bandwidth(systemClock, 1e12), token: "secret",
    onBytes: (bytes) => void (counters.bytes += bytes),
  });
  const save = async (): Promise<void> => undefined;
  const hostLogs = new HostLogs({
    folder, files: realFiles, clock: systemClock, log: silentLogger,
    settings: { isEnabled: true, linesPerWrite: 10, maxWaitMs: 600_000, maxFileBytes: 10_485_760, maxOldFiles: 10 },
  });
  const filler = new EndpointFiller({
    client, querier: storage, writer: storage, clock: systemClock, log: silentLogger, counters, hostLogs, save,
  });
  const watched = watchedTarget(untilMs);
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  await filler.fill({ targets: [watched], nodeId: NODE_ID, boots: new BootClocks(), signal: new AbortController().signal });
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(startCpu);
  await storage.stop();
  rmSync(folder, { recursive: true, force: true });
  return [
    { name: "backfill: a day of one Pi", unit: "s", ours: seconds, aim: "<= 2" },
    { name: "backfill: CPU per sample", unit: "us", ours: (cpu.user + cpu.system) / counters.samples, aim: "-" },
    { name: "backfill: samples of a day", unit: "", ours: counters.samples, aim: "-" },
    { name: "backfill: fetched per sample", unit: "B", ours: counters.bytes / counters.samples, aim: "-" },
  ];
}

function watchedTarget(untilMs: number): WatchedTarget {
  const gaps = new TargetGaps();
  gaps.noteScrape(untilMs, true, 15_000);
  gaps.noteStart([untilMs - DAY_MS], 15_000);
  const labels = Labels.of({ job: "pi", instance: "10.0.0.7:8732" });
  const target = {
    id: "pi", url: "http://10.0.0.7:8732/metrics", host: "10.0.0.7", port: 8732, labels, discoveredLabels: labels,
    settings: {
      jobName: "pi", intervalMs: 15_000, timeoutMs: 10_000, honorLabels: false, honorTimestamps: true,
      bodySizeLimitBytes: 0, sampleLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0,
      metricRelabeling: NO_RELABELING, headers: {}, tls: { insecureSkipVerify: false },
    },
  };
  return { target, gaps, isNew: false, knownSinceMs: 0 };
}

function simulateDay(fromMs: number): { answer: (nowMs: number) => SendHttp } {
  const segments: { listing: HistorySegment; bytes: Buffer }[] = [];
  for (let hour = 0; hour < 24; hour++) {
    const startMs = fromMs + hour * HOUR_MS;
    const members: Buffer[] = [];
    for (let minute = 0; minute < 60; minute++) members.push(simulateMinute(startMs + minute * 60_000, fromMs));
    const bytes = Buffer.concat(members);
    const listing = {
      name: formatSegmentName({ sequence: hour + 1, startMs }), fromMs: startMs, lastMs: startMs + HOUR_MS - 5000,
      bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), open: hour === 23, bootId: BOOT,
    };
    segments.push({ listing, bytes });
  }
  return {
    answer: (nowMs) => async ({ url, headers }) => {
      const found = segments.find(({ listing }) => url.endsWith(listing.name));
      if (found === undefined) {
        const clocks = { wallMs: nowMs, monotonicMs: nowMs - fromMs };
        const list = { nodeId: NODE_ID, bootId: BOOT, ...clocks, segments: segments.map(({ listing }) => listing) };
        return { status: 200, headers: {}, body: Buffer.from(encodeHistoryList(list)) };
      }
      const [, from = "0", to = "0"] = /bytes=(\d+)-(\d+)/.exec(headers?.["Range"] ?? "") ?? [];
      const body = found.bytes.subarray(Number(from), Number(to) + 1);
      return { status: 206, headers: { "content-range": `bytes ${from}-${to}/${found.bytes.length}` }, body };
    },
  };
}

function simulateMinute(startMs: number, bootMs: number): Buffer {
  const lines = [formatMemberHeader({ bootId: BOOT, monotonicMs: startMs - bootMs, wallMs: startMs })];
  for (let second = 0; second < 60; second += 5) {
    for (const { name, series, seconds } of FAMILIES) {
      if (second % seconds !== 0) continue;
      const timeMs = startMs + second * 1000;
      for (let index = 0; index < series; index++) {
        const value = index % 3 === 0 ? index : Math.round((timeMs - bootMs) / 10 + 1000 * Math.sin(timeMs / 1e5 + index)) / 100;
        lines.push(`pihealth_${name}_value_ratio{number="${index}",mode="idle"} ${value} ${timeMs}\n`);
      }
      lines.push(`pihealth_collector_success{collector="${name}"} 1 ${timeMs}\n`);
    }
  }
  return encodeMember(lines.join(""));
}
