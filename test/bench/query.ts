import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { compareAnswers } from "../differential/comparison.js";
import { parseQueryResponse, type QueryResponse, seriesIn } from "../support/api-response.js";
import { type ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import type { BenchFigure } from "./figure.js";
import { startInstalledScraper } from "./installed-scraper.js";
import { type QueryData, readQueryData, SCRAPE_INTERVAL_MS, writeQueryData } from "./query-data.js";

const HOUR_MS = 3_600_000;
/** Prometheus moves samples from memory to blocks when it holds more than this. */
const PROMETHEUS_HEAD_MS = 3 * HOUR_MS;

export interface QueryBenchOptions {
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly hours: number;
  /**
   * Repetitions of a range query after the first one; instant queries are repeated four times as
   * often.
   */
  readonly repetitions: number;
  /** Options of Node.js for our own program, for profiles. */
  readonly nodeFlags: readonly string[];
  /** Keeps the samples here for the next run; otherwise they are removed. */
  readonly dataFolder?: string | undefined;
}

/** Typical queries of dashboards and rules. */
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

/** Sends the same 20 queries to Prometheus and to us over the same samples, in turn. */
export async function benchQueries(options: QueryBenchOptions): Promise<BenchFigure[]> {
  const folder =
    options.dataFolder ?? (await mkdtemp(path.join(tmpdir(), "pihealth-bench-query-")));
  try {
    const data = await prepareData(folder, options);
    // Both are restarted, so neither has data in memory from writing.
    const theirs = await RealPrometheus.start({ dataFolder: path.join(folder, "theirs") });
    const port = await freePort();
    const ours = await startOurs(folder, port, options.nodeFlags);
    try {
      return await measure(data, options, { ours, oursUrl: `http://127.0.0.1:${port}`, theirs });
    } finally {
      await ours.stop();
      await theirs.stop();
    }
  } finally {
    if (options.dataFolder === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function prepareData(
  folder: string,
  { targets, seriesPerTarget, hours }: QueryBenchOptions,
): Promise<QueryData> {
  const description = path.join(folder, "data.json");
  if (existsSync(description)) return readQueryData(readFileSync(description, "utf8"));
  await mkdir(folder, { recursive: true });
  const untilMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const data = { targets, seriesPerTarget, fromMs: untilMs - (hours + 1) * HOUR_MS, untilMs };
  const dataFolder = path.join(folder, "theirs");
  const prometheus = await RealPrometheus.start({
    dataFolder,
    flags: ["--web.enable-remote-write-receiver"],
  });
  try {
    await writeQueryData(data, {
      folder: path.join(folder, "ours"),
      prometheusUrl: prometheus.url,
    });
    const describe = (): string => prometheus.program.text;
    const isSettled = (): Promise<true | undefined> => hasMovedToBlocks(prometheus.url);
    await waitFor("Prometheus to move samples to blocks", isSettled, {
      withinMs: 180_000,
      describe,
    });
  } finally {
    await prometheus.stop();
  }
  await writeFile(description, JSON.stringify(data));
  return data;
}

async function hasMovedToBlocks(url: string): Promise<true | undefined> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const valueOf = (name: string): number =>
    Number(new RegExp(`^${name} (.*)$`, "m").exec(metrics)?.[1]);
  const headMs =
    valueOf("prometheus_tsdb_head_max_time") - valueOf("prometheus_tsdb_head_min_time");
  return headMs <= PROMETHEUS_HEAD_MS || undefined;
}

export async function startOurs(
  folder: string,
  port: number,
  flags: readonly string[],
): Promise<ChildProgram> {
  const config = path.join(folder, "pihealthd.yml");
  await writeFile(config, `storage: { path: ${path.join(folder, "ours")} }\n`);
  const program = startInstalledScraper(
    ["--config", config, `--listen-address=127.0.0.1:${port}`],
    flags,
  );
  const isReady = async (): Promise<true | undefined> =>
    (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok || undefined;
  await waitFor("our scraper to be ready", isReady, { describe: () => program.text });
  return program;
}

interface Sides {
  readonly ours: ChildProgram;
  readonly oursUrl: string;
  readonly theirs: RealPrometheus;
}

/** A kind of query; `times` are the ends of its ranges, moved back by some scrapes. */
interface Kind {
  readonly name: string;
  readonly path: string;
  readonly repetitions: number;
  times(scrapesBack: number): Record<string, string>;
}

async function measure(
  data: QueryData,
  { hours, repetitions }: QueryBenchOptions,
  sides: Sides,
): Promise<BenchFigure[]> {
  // No sample lies at the edge of a window, where Prometheus before version 3 differs.
  const endSeconds = data.untilMs / 1000 - 53;
  const endAt = (scrapesBack: number): number =>
    endSeconds - (scrapesBack * SCRAPE_INTERVAL_MS) / 1000;
  const instant: Kind = {
    name: "instant",
    path: "/api/v1/query",
    repetitions: 4 * repetitions,
    times: (scrapesBack) => ({ time: String(endAt(scrapesBack)) }),
  };
  const range: Kind = {
    name: `${hours} h at 15 s`,
    path: "/api/v1/query_range",
    repetitions,
    times: (scrapesBack) => {
      const end = endAt(scrapesBack);
      return { start: String(end - hours * 3600), end: String(end), step: "15" };
    },
  };
  const figures: BenchFigure[] = [];
  for (const kind of [instant, range]) figures.push(...(await measureKind(kind, sides)));
  figures.push({
    name: "peak memory",
    unit: "MB",
    ours: peakMegabytes(sides.ours.pid),
    peer: peakMegabytes(sides.theirs.program.pid),
    peerName: "Prometheus",
    aim: "<= 1x",
  });
  return figures;
}

async function measureKind(kind: Kind, sides: Sides): Promise<BenchFigure[]> {
  const figures: BenchFigure[] = [];
  const again: number[] = [];
  const first: number[] = [];
  const common = { unit: "ms", peerName: "Prometheus" };
  for (const query of QUERIES) {
    const { ours, theirs, oursFirst, theirsFirst } = await timeBoth(query, kind, sides);
    again.push(ours / theirs);
    first.push(oursFirst / theirsFirst);
    figures.push({ ...common, name: `${kind.name}: ${query}`, ours, peer: theirs, aim: "<= 1x" });
    figures.push({
      ...common,
      name: `${kind.name}, asked first: ${query}`,
      ours: oursFirst,
      peer: theirsFirst,
      aim: "-",
    });
  }
  const ratio = (name: string, ours: number, aim: string): void => {
    figures.push({
      name: `${kind.name}${name}`,
      unit: "x",
      ours,
      peer: 1,
      peerName: "Prometheus",
      aim,
    });
  };
  ratio(": median ratio", median(again), "<= 1/2");
  ratio(": slowest ratio", Math.max(...again), "<= 1x");
  ratio(", asked first: median ratio", median(first), "-");
  ratio(", asked first: slowest ratio", Math.max(...first), "-");
  return figures;
}

/**
 * Median times in milliseconds for a dashboard that repeats its queries as time passes, and the
 * time of the first query.
 *
 * @throws when the first results differ
 */
async function timeBoth(
  query: string,
  { path, times, repetitions }: Kind,
  { oursUrl, theirs }: Sides,
): Promise<{ ours: number; theirs: number; oursFirst: number; theirsFirst: number }> {
  const form = (scrapesBack: number): string =>
    new URLSearchParams({ query, ...times(scrapesBack) }).toString();
  const ourFirst = await timed(oursUrl + path, form(repetitions));
  const theirFirst = await timed(theirs.url + path, form(repetitions));
  const our = parseQueryResponse(ourFirst.body.toString("utf8"));
  const their = parseQueryResponse(theirFirst.body.toString("utf8"));
  const difference = query.startsWith("topk")
    ? compareRanks(our, their)
    : compareAnswers(our, their);
  if (difference !== undefined) throw new Error(`Answers to "${query}" differ: ${difference}`);
  const ourTimes: number[] = [];
  const theirTimes: number[] = [];
  for (let round = 1; round <= repetitions; round++) {
    const asked = form(repetitions - round);
    ourTimes.push((await timed(oursUrl + path, asked)).ms);
    theirTimes.push((await timed(theirs.url + path, asked)).ms);
  }
  return {
    ours: median(ourTimes),
    theirs: median(theirTimes),
    oursFirst: ourFirst.ms,
    theirsFirst: theirFirst.ms,
  };
}

/**
 * Any of equal values may be among the highest, so only the values of each time are compared, in
 * order.
 */
function compareRanks(ours: QueryResponse, theirs: QueryResponse): string | undefined {
  const ranked = (response: QueryResponse): Map<number, number[]> => {
    const valuesAt = new Map<number, number[]>();
    for (const { points } of seriesIn(response)) {
      for (const [time, text] of points)
        valuesAt.set(time, [...(valuesAt.get(time) ?? []), Number(text)]);
    }
    return valuesAt;
  };
  const [own, other] = [ranked(ours), ranked(theirs)];
  for (const [time, values] of other) {
    const left = inOrder(own.get(time) ?? []);
    const right = inOrder(values);
    const isEqual =
      left.length === right.length &&
      left.every((value, rank) => Math.abs(value - (right[rank] ?? NaN)) < 1e-9);
    if (!isEqual) return `at ${time} ours ${left.join()}, theirs ${right.join()}`;
  }
  return own.size === other.size ? undefined : `ours has ${own.size} times, theirs ${other.size}`;
}

const AGENT = new http.Agent({ keepAlive: true });

export async function timed(url: string, form: string): Promise<{ ms: number; body: Buffer }> {
  const startMs = performance.now();
  const headers = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Content-Length": form.length,
  };
  const { status, body } = await new Promise<{ status: number; body: Buffer }>(
    (resolve, reject) => {
      const request = http.request(url, { method: "POST", agent: AGENT, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
        );
        response.on("error", reject);
      });
      request.on("error", reject);
      request.end(form);
    },
  );
  const ms = performance.now() - startMs;
  if (status !== 200 || body.length < 70)
    throw new Error(`Cannot measure "${form}": ${status}, ${body.length} bytes`);
  return { ms, body };
}

const inOrder = (values: readonly number[]): number[] =>
  values.toSorted((left, right) => left - right);

export const median = (values: readonly number[]): number =>
  inOrder(values)[Math.floor(values.length / 2)] ?? 0;

export function peakMegabytes(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}
