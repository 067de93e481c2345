import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Labels } from "../../exporter/shared/model/labels.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { parseBlockName } from "../../scraper/storage/blocks/block-name.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import type { BenchFigure } from "./figure.js";
import { CompressedTime, folderBytes, openBenchStorage, type Recording } from "./storage.js";
import { continued, readTwoHours } from "./two-hours.js";

const HOUR_MS = 3_600_000;
const STEP_MS = 15_000;
const ROWS_PER_HOUR = HOUR_MS / STEP_MS;
/** The lengths of blocks, in hours. */
const LENGTHS = [2, 12, 72];
/** Hours after the longest block, so that it is complete and merged. */
const MORE_HOURS = 4;

/**
 * Bytes per sample in blocks after each level of merging, and the cost of writing and merging,
 * beside VictoriaMetrics with the same samples, without its index.
 */
export async function benchBlocks(): Promise<BenchFigure[]> {
  const hours = Math.max(...LENGTHS) + MORE_HOURS;
  const recording = continued(readTwoHours(), hours * ROWS_PER_HOUR);
  const { sizes, cpuPerSample } = await ours(recording, hours);
  const figures: BenchFigure[] = [];
  // Only two hours are recorded; the rest repeats them with continued counters. A peer that finds
  // repetitions would gain far more from that than from real samples.
  const recorded = { ...recording, rows: recording.rows.slice(0, 2 * ROWS_PER_HOUR) };
  const peer = { peer: await victoriaMetrics(recorded), peerName: "VictoriaMetrics" };
  for (const length of LENGTHS) {
    figures.push({
      name: `block of ${length} hours, bytes per sample`,
      unit: "B",
      ours: sizes.get(length) ?? Number.NaN,
      ...(length === 2 ? peer : {}),
      aim: "<= 0.40 B",
    });
  }
  figures.push({
    name: "to blocks and merged, CPU per sample",
    unit: "us",
    ours: cpuPerSample,
    aim: "-",
  });
  return figures;
}

/** A start time at which blocks of all lengths begin. */
const START_MS = Math.floor(Date.UTC(2026, 0, 12) / (72 * HOUR_MS)) * 72 * HOUR_MS;

async function ours(
  { series, rows }: Recording,
  hours: number,
): Promise<{ sizes: Map<number, number>; cpuPerSample: number }> {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-bench-"));
  try {
    const clock = new CompressedTime(START_MS);
    const storage = await openBenchStorage(folder, clock);
    const layout = storage.internLayout(series);
    const labels = Labels.of({ instance: "a:9100", job: "node" });
    const table = storage.openTable({ folder: "hosts/a", labels });
    const sizes = new Map<number, number>();
    let cpuMicroseconds = 0;
    for (const [number, row] of rows.slice(0, hours * ROWS_PER_HOUR).entries()) {
      table.append(clock.wallMs(), layout, row);
      clock.advance(STEP_MS);
      if (number % ROWS_PER_HOUR !== ROWS_PER_HOUR - 1) continue;
      await storage.commit();
      await storage.maintainJournal();
      const before = process.cpuUsage();
      await storage.maintainBlocks();
      const { user, system } = process.cpuUsage(before);
      cpuMicroseconds += user + system;
      await noteSizes(folder, series.length, sizes);
    }
    await storage.stop();
    return { sizes, cpuPerSample: cpuMicroseconds / (rows.length * series.length) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Records the bytes per sample of the first block of each length. */
async function noteSizes(
  folder: string,
  series: number,
  sizes: Map<number, number>,
): Promise<void> {
  const blocks = path.join(folder, "hosts/a/blocks");
  if ((await realFiles.facts(blocks)) === undefined) return;
  for (const { name } of await realFiles.list(blocks)) {
    const block = parseBlockName("hosts/a", name);
    if (block === undefined) continue;
    const length = Math.round((block.untilMs - block.fromMs) / HOUR_MS);
    const samples = length * ROWS_PER_HOUR * series;
    const bytes = (await realFiles.facts(path.join(blocks, name)))?.sizeBytes ?? 0;
    if (!sizes.has(length)) sizes.set(length, bytes / samples);
  }
}

/** @returns bytes per sample in its data files, when all are merged */
async function victoriaMetrics({ series, rows }: Recording): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-bench-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = new ChildProgram("victoria-metrics", [
    `-storageDataPath=${folder}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    "-retentionPeriod=100y",
  ]);
  try {
    await waitFor(url, async () => (await fetch(`${url}/metrics`)).ok, {
      describe: () => program.text,
    });
    const timestamps = rows.map((_, row) => START_MS + row * STEP_MS);
    for (const [column, labels] of series.entries()) {
      const metric = Object.fromEntries([...labels.pairs, ["instance", "a:9100"], ["job", "node"]]);
      const values = rows.map((row) => row[column]);
      const body = JSON.stringify({ metric, values, timestamps });
      await fetch(`${url}/api/v1/import`, { method: "POST", body });
    }
    await fetch(`${url}/internal/force_flush`);
    await fetch(`${url}/internal/force_merge`);
    await waitFor("the merge", async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return /vm_active_force_merges 0/.test(text) && !/vm_active_merges\{[^}]*\} [1-9]/.test(text)
        ? true
        : undefined;
    });
    await program.stop("SIGTERM");
    return (await folderBytes(path.join(folder, "data"))) / (rows.length * series.length);
  } finally {
    await program.stop("SIGKILL").catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}
