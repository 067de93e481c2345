import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { finished } from "node:stream/promises";
import { compareAnswers } from "../differential/comparison.js";
import { parseQueryResponse } from "../support/api-response.js";
import { ChildProgram } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import type { BenchFigure } from "./figure.js";
import { median, peakMegabytes, startOurs, timed } from "./query.js";

const INTERVAL_MS = 30_000;
const POLL_MS = 10;
/** Share of samples that are missing. */
const MISSING = 0.03;

export interface OwnTimestampsOptions {
  readonly series: number;
  readonly samplesPerSeries: number;
  readonly repetitions: number;
}

/**
 * Series that all have timestamps of their own, as cAdvisor exposes them: import, disk, memory and
 * queries of the same samples in Prometheus and in our scraper, one after the other.
 */
export async function benchOwnTimestamps(options: OwnTimestampsOptions): Promise<BenchFigure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "pihealth-bench-own-"));
  try {
    const file = path.join(folder, "samples.om");
    const untilMs = await writeSamples(file, options);
    const [ourData, theirData] = [path.join(folder, "ours"), path.join(folder, "theirs")];
    const config = path.join(folder, "import.yml");
    await writeFile(config, `storage: { path: ${ourData}, retention: { time: 20y } }\n`);
    const cli = "exporter/program/cli.js";
    const theirs = await measureRun(
      new ChildProgram("promtool", [
        ...["tsdb", "create-blocks-from", "openmetrics", "--quiet", file, theirData],
      ]),
    );
    const ours = await measureRun(
      ChildProgram.ofOurs(cli, ["import", "--offline", "--config", config, file]),
    );
    const figure = (name: string, unit: string, our: number, their: number): BenchFigure => ({
      name: `own timestamps, ${name}`,
      unit,
      ours: our,
      peer: their,
      peerName: "Prometheus",
      aim: "<= 1x",
    });
    return [
      figure("import: time", "ms", ours.ms, theirs.ms),
      figure("import: peak memory", "MB", ours.peakMegabytes, theirs.peakMegabytes),
      figure("disk", "MB", (await sizeOf(ourData)) / 1e6, (await sizeOf(theirData)) / 1e6),
      ...(await measureQueries(folder, { ...options, untilMs, figure })),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the time of the last sample */
async function writeSamples(
  file: string,
  { series, samplesPerSeries }: OwnTimestampsOptions,
): Promise<number> {
  const random = createRandom(7);
  const startMs = Math.floor(Date.now() / 7_200_000) * 7_200_000 - samplesPerSeries * INTERVAL_MS;
  const output = createWriteStream(file);
  for (let index = 0; index < series; index++) {
    const offsetMs = Math.floor(random() * INTERVAL_MS);
    let value = 0;
    let text = "";
    for (let step = 0; step < samplesPerSeries; step++) {
      value += Math.floor(random() * 100);
      if (random() < MISSING) continue;
      const seconds = (startMs + step * INTERVAL_MS + offsetMs) / 1000;
      text += `m${index % 100}_total{i="${index}",instance="n1:9100",job="node"} ${value} ${seconds}\n`;
    }
    if (!output.write(text)) await once(output, "drain");
  }
  output.end("# EOF\n");
  await finished(output);
  return startMs + samplesPerSeries * INTERVAL_MS;
}

/** A linear congruential generator: the same samples in every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

async function measureRun(program: ChildProgram): Promise<{ ms: number; peakMegabytes: number }> {
  const startMs = performance.now();
  let peak = 0;
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, peakMegabytes(program.pid) || 0);
    } catch {
      // It has just ended.
    }
  }, POLL_MS);
  const { code } = await program.exited;
  clearInterval(timer);
  if (code !== 0) throw new Error(`An import has failed: ${program.text}`);
  return { ms: performance.now() - startMs, peakMegabytes: peak };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const facts = await stat(path.join(folder, name));
    if (facts.isFile()) bytes += facts.size;
  }
  return bytes;
}

interface QueryParts extends OwnTimestampsOptions {
  readonly untilMs: number;
  readonly figure: (name: string, unit: string, ours: number, theirs: number) => BenchFigure;
}

async function measureQueries(
  folder: string,
  { untilMs, samplesPerSeries, repetitions, figure }: QueryParts,
): Promise<BenchFigure[]> {
  const end = untilMs / 1000 - 47;
  const start = end - (samplesPerSeries * INTERVAL_MS) / 1000 + 600;
  const instant = ["/api/v1/query", { time: String(end) }] as const;
  const range = [
    "/api/v1/query_range",
    { start: String(start), end: String(end), step: "60" },
  ] as const;
  const queries = [
    ["instant count", 'count({job="node"})', instant],
    ["instant rate", 'sum(rate({job="node"}[5m]))', instant],
    ["range of one name", "sum(rate(m7_total[5m]))", range],
    ["range rate", 'sum(rate({job="node"}[5m]))', range],
  ] as const;
  const theirs = await RealPrometheus.start({ dataFolder: path.join(folder, "theirs") });
  const port = await freePort();
  const ours = await startOurs(folder, port, []);
  try {
    const figures: BenchFigure[] = [];
    for (const [name, query, [route, times]] of queries) {
      const form = new URLSearchParams({ query, ...times }).toString();
      const ask = async (url: string): Promise<{ first: number; again: number; text: string }> => {
        const first = await timed(url + route, form);
        const again: number[] = [];
        for (let round = 0; round < repetitions; round++)
          again.push((await timed(url + route, form)).ms);
        return { first: first.ms, again: median(again), text: first.body.toString("utf8") };
      };
      const our = await ask(`http://127.0.0.1:${port}`);
      const their = await ask(theirs.url);
      const difference = compareAnswers(
        parseQueryResponse(our.text),
        parseQueryResponse(their.text),
      );
      if (difference !== undefined) throw new Error(`Answers to "${query}" differ: ${difference}`);
      figures.push(figure(name, "ms", our.again, their.again));
      figures.push(figure(`${name}, asked first`, "ms", our.first, their.first));
    }
    const [our, their] = [peakMegabytes(ours.pid), peakMegabytes(theirs.program.pid)];
    return [...figures, figure("peak memory", "MB", our, their)];
  } finally {
    await ours.stop();
    await theirs.stop();
  }
}
