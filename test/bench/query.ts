import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram, freePort, waitFor } from "../support/child-program.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import type { BenchFigure } from "./figure.js";
import { type QueryData, writeQueryData } from "./query-data.js";

const HOUR_MS = 3_600_000;

export interface QueryBenchOptions {
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly hours: number;
  readonly repetitions: number;
  /** Options of Node.js for our own program, for profiles. */
  readonly nodeFlags: readonly string[];
}

/** What dashboards and rules ask of machines. */
const QUERIES: readonly string[] = [
  "pihealth_load1",
  "sum(pihealth_load1)",
  "topk(5, pihealth_load1)",
  "max by (instance) (pihealth_cpu_temperature_celsius)",
  "avg(pihealth_cpu_temperature_celsius)",
  "quantile(0.9, pihealth_cpu_temperature_celsius)",
  "count(pihealth_cpu_temperature_celsius > 70)",
  "1 - pihealth_memory_available_bytes / pihealth_memory_total_bytes",
  "avg(1 - pihealth_memory_available_bytes / pihealth_memory_total_bytes)",
  '1 - avg by (instance) (rate(pihealth_cpu_seconds_total{mode="idle"}[5m]))',
  "sum by (mode) (rate(pihealth_cpu_seconds_total[1m]))",
  'sum by (instance, mode) (rate(pihealth_cpu_seconds_total{mode!="idle"}[5m]))',
  "sum(rate(pihealth_network_receive_bytes_total[5m]))",
  "sum by (device) (increase(pihealth_network_transmit_bytes_total[1h]))",
  "topk(10, sum by (instance) (irate(pihealth_network_receive_bytes_total[5m])))",
  'pihealth_filesystem_available_bytes{mountpoint="/"} / pihealth_filesystem_size_bytes{mountpoint="/"} < 2',
  "max without (mountpoint) (1 - pihealth_filesystem_available_bytes / pihealth_filesystem_size_bytes)",
  "avg_over_time(pihealth_load1[10m])",
  "max_over_time(pihealth_cpu_temperature_celsius[30m])",
  'pihealth_load1{instance="10.0.0.7:8732"}',
];

/** Asks Prometheus and us the same 20 queries over the same samples, in turns. */
export async function benchQueries(options: QueryBenchOptions): Promise<BenchFigure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-bench-query-"));
  try {
    const untilMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const { targets, seriesPerTarget, hours } = options;
    const data = { targets, seriesPerTarget, fromMs: untilMs - (hours + 1) * HOUR_MS, untilMs };
    const textFile = path.join(folder, "samples.om");
    await writeQueryData(data, { folder: path.join(folder, "ours"), textFile });
    const theirs = await RealPrometheus.start({ openMetricsFile: textFile });
    const port = await freePort();
    const ours = await startOurs(folder, port, options.nodeFlags);
    try {
      return await measure(data, options, { ours, oursUrl: `http://127.0.0.1:${port}`, theirs });
    } finally {
      await ours.stop();
      await theirs.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function startOurs(folder: string, port: number, flags: readonly string[]): Promise<ChildProgram> {
  const config = path.join(folder, "pihealthd.yml");
  await writeFile(config, `storage: { path: ${path.join(folder, "ours")} }\n`);
  const program = ChildProgram.ofOurs("scraper/main.js", ["--config", config, `--listen-address=127.0.0.1:${port}`], flags);
  const isReady = async (): Promise<true | undefined> => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok || undefined;
  await waitFor("our scraper to be ready", isReady, { describe: () => program.text });
  return program;
}

interface Sides {
  readonly ours: ChildProgram;
  readonly oursUrl: string;
  readonly theirs: RealPrometheus;
}

async function measure(data: QueryData, { hours, repetitions }: QueryBenchOptions, sides: Sides): Promise<BenchFigure[]> {
  const figures: BenchFigure[] = [];
  const endSeconds = data.untilMs / 1000 - 60;
  const range = { start: String(endSeconds - hours * 3600), end: String(endSeconds), step: "15" };
  for (const [kind, path, times] of [
    ["instant", "/api/v1/query", { time: String(endSeconds) }],
    [`${hours} h at 15 s`, "/api/v1/query_range", range],
  ] as const) {
    const ratios: number[] = [];
    for (const query of QUERIES) {
      const form = new URLSearchParams({ query, ...times });
      const { ours, theirs } = await timeBoth(path, form, sides, repetitions);
      ratios.push(ours / theirs);
      figures.push({ name: `${kind}: ${query}`, unit: "ms", ours, peer: theirs, peerName: "Prometheus", aim: "<= 1x" });
    }
    ratios.sort((left, right) => left - right);
    figures.push({ name: `${kind}: median ratio`, unit: "x", ours: median(ratios), peer: 1, peerName: "Prometheus", aim: "<= 1/2" });
    figures.push({ name: `${kind}: slowest ratio`, unit: "x", ours: ratios.at(-1) ?? 0, peer: 1, peerName: "Prometheus", aim: "<= 1x" });
  }
  const [ours, peer] = [sides.ours.pid, sides.theirs.program.pid].map(peakMegabytes) as [number, number];
  figures.push({ name: "peak memory", unit: "MB", ours, peer, peerName: "Prometheus", aim: "<= 1x" });
  return figures;
}

/** Medians in milliseconds, after one round that is not counted. */
async function timeBoth(
  path: string,
  form: URLSearchParams,
  { oursUrl, theirs }: Sides,
  repetitions: number,
): Promise<{ ours: number; theirs: number }> {
  const ourTimes: number[] = [];
  const theirTimes: number[] = [];
  for (let round = 0; round <= repetitions; round++) {
    const our = await timed(oursUrl + path, form);
    const their = await timed(theirs.url + path, form);
    if (round === 0) continue;
    ourTimes.push(our);
    theirTimes.push(their);
  }
  return { ours: median(ourTimes), theirs: median(theirTimes) };
}

async function timed(url: string, form: URLSearchParams): Promise<number> {
  const startMs = performance.now();
  const response = await fetch(url, { method: "POST", body: form, headers: { "Accept-Encoding": "identity" } });
  const bytes = (await response.arrayBuffer()).byteLength;
  if (!response.ok || bytes < 70) throw new Error(`Cannot measure "${form.toString()}": ${response.status}, ${bytes} bytes`);
  return performance.now() - startMs;
}

const median = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

function peakMegabytes(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}
