import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { itemAt, getOrThrow } from "../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { createLabelMatcher } from "../../scraper/storage/model/label-matcher.js";
import { Storage } from "../../scraper/storage/storage.js";
import type { Layout } from "../../scraper/storage/model/sample-writer.js";
import { REPOSITORY } from "../support/repository.js";
import type { BenchFigure } from "./figure.js";
import { loadBodies } from "./fleet-simulator.js";
import { memoryInUse } from "./memory-in-use.js";
import { toLabels } from "./two-hours.js";

const HOUR_MS = 3_600_000;
const SCRAPE_INTERVAL_MS = 15_000;
const RECORDING = path.join(REPOSITORY, "test/fixtures/node-exporter-recording.gz");

/** Bodies of one target whose rows all have the same series. */
export interface Recording {
  readonly series: readonly Labels[];
  readonly rows: readonly Float64Array[];
}

/** All figures of the storage alone, on recorded bodies of a node_exporter. */
export async function benchStorageFigures({ targets = 200, scrapes = 480 } = {}): Promise<
  BenchFigure[]
> {
  const recording = readRecording();
  return benchStorage(recording, targets, scrapes);
}

/** The recording of test/fixtures. */
export function readRecording(): Recording {
  return toRecording(loadBodies(RECORDING));
}

/** @param texts exposition bodies of one target, in the order of time */
export function toRecording(texts: readonly string[]): Recording {
  const bodies = texts.map(readBody);
  const names = [...(bodies[0]?.keys() ?? [])].filter((name) =>
    bodies.every((body) => body.has(name)),
  );
  return {
    series: names.map(toLabels),
    rows: bodies.map((body) => Float64Array.from(names, (name) => getOrThrow(body, name))),
  };
}

/**
 * Stores a recording for many targets as if scraped every 15 s, and measures the cost.
 *
 * @param targets each repeats the rows of the recording from a different row on, with continued
 * counters
 */
export async function benchStorage(
  recording: Recording,
  targets: number,
  scrapes: number,
): Promise<BenchFigure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-bench-"));
  try {
    return await measure(recording, { targets, scrapes, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly targets: number;
  readonly scrapes: number;
  readonly folder: string;
}

async function measure(
  recording: Recording,
  { targets, scrapes, folder }: Run,
): Promise<BenchFigure[]> {
  const seriesCount = targets * recording.series.length;
  const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const clock = new CompressedTime(startMs);
  const before = residentBytes();
  const storage = await openBenchStorage(folder, clock);
  const layout = storage.internLayout(recording.series);
  const appendMs = await fill(storage, recording, layout, { targets, scrapes, clock });
  const memoryBytes = residentBytes() - before;
  const fiveMinutes = { fromMs: clock.wallMs() - 20 * SCRAPE_INTERVAL_MS, untilMs: clock.wallMs() };
  const twoHours = { fromMs: startMs, untilMs: clock.wallMs() };
  const select = (range: typeof twoHours) => () =>
    storage.querier.select([createLabelMatcher("__name__", "=", "node_load1")], range);
  await select(fiveMinutes)(); // Warms the compiler.
  const recentMs = await timed(select(fiveMinutes));
  const longMs = await timed(select(twoHours));
  const journalBytes = await folderBytes(path.join(folder, "journal"));
  // No stop(): the next open finds the state after a kill -9.
  await rm(path.join(folder, "lock"), { force: true });
  let again: Storage | undefined;
  const replayMs = await timed(async () => (again = await openBenchStorage(folder, clock)));
  const samples = seriesCount * scrapes;
  await storage.stop();
  await again?.stop();
  return [
    {
      name: "append and commit, CPU per sample",
      unit: "us",
      ours: (appendMs * 1000) / samples,
      aim: "<= 0.7 us with scraping",
    },
    { name: "memory per series", unit: "B", ours: memoryBytes / seriesCount, aim: "<= 300 B" },
    { name: "journals per series", unit: "B", ours: journalBytes / seriesCount, aim: "-" },
    {
      name: "start, per million series",
      unit: "s",
      ours: (replayMs * 1000) / seriesCount,
      aim: "<= 3 s",
    },
    { name: `5 minutes of a series of ${targets} targets`, unit: "ms", ours: recentMs, aim: "-" },
    { name: `2 hours of a series of ${targets} targets`, unit: "ms", ours: longMs, aim: "-" },
  ];
}

/** A clock that moves only by `advance`, so two hours pass in the time of the work. */
export class CompressedTime implements Clock {
  private elapsedMs = 0;

  constructor(private readonly startMs: number) {}

  advance(byMs: number): void {
    this.elapsedMs += byMs;
  }

  wallMs(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  sleep(): Promise<void> {
    return new Promise(() => undefined);
  }
}

export function openBenchStorage(folder: string, clock: Clock): Promise<Storage> {
  return Storage.open({
    folder,
    files: realFiles,
    clock,
    log: silentLogger,
    settings: {
      path: folder,
      retentionMs: 90 * 24 * HOUR_MS,
      retentionBytes: 0,
      commitIntervalMs: 5000,
      syncIntervalMs: 5000,
      blockDurationMs: 2 * HOUR_MS,
      maxBlockDurationMs: 8 * 24 * HOUR_MS,
      queryCacheBytes: 64 * 1024 * 1024,
    },
  });
}

/** @returns CPU milliseconds */
async function fill(
  storage: Storage,
  recording: Recording,
  layout: Layout,
  { targets, scrapes, clock }: { targets: number; scrapes: number; clock: CompressedTime },
): Promise<number> {
  const tables = Array.from({ length: targets }, (_, index) => {
    const instance = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:9100`;
    return storage.openTable({
      folder: `hosts/${instance.slice(0, -5)}`,
      labels: Labels.of({ instance, job: "node" }),
    });
  });
  const cpuBefore = process.cpuUsage();
  for (let scrape = 0; scrape < scrapes; scrape++) {
    for (const [index, table] of tables.entries()) {
      const row = itemAt(recording.rows, (scrape + index) % recording.rows.length);
      table.append(clock.wallMs(), layout, row);
    }
    await storage.commit();
    clock.advance(SCRAPE_INTERVAL_MS);
    if (scrape % 2 === 1) await storage.maintainJournal();
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return (user + system) / 1000;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function residentBytes(): number {
  const { heapUsed, external } = memoryInUse(); // external includes the memory of typed arrays
  return heapUsed + external;
}

export async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const { name, isFolder } of await realFiles.list(folder)) {
    const found = path.join(folder, name);
    total += isFolder ? await folderBytes(found) : ((await realFiles.facts(found))?.sizeBytes ?? 0);
  }
  return total;
}

function readBody(text: string): Map<string, number> {
  const body = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const end = line.lastIndexOf(" ");
    body.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return body;
}
