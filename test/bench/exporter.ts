import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { REPOSITORY } from "../support/repository.js";
import type { BenchFigure } from "./figure.js";

/** Interval of alternate scrapes of both, as small Prometheus installations use. */
const SCRAPE_INTERVAL_MS = 15_000;
/** As in pihealth-exporter.service. */
const EXPORTER_FLAGS = ["--max-semi-space-size=1", "--optimize-for-size"];
const EXPORTER_ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
/** Start-up is not measured. */
const SETTLE_MS = 10_000;

interface Measured {
  readonly program: ChildProgram;
  readonly url: string;
  readonly startCpuSeconds: number;
  bodyBytes: number;
}

/**
 * CPU of the exporter (sampling and serving) and its memory, scraped every 15 s, beside
 * prometheus-node-exporter scraped at the same times.
 */
export async function benchExporter(options: { minutes: number }): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-bench-"));
  const [ourPort, peerPort] = [await freePort(), await freePort()];
  const script = path.join(REPOSITORY, "dist/exporter/program/main.js");
  const args = [`--listen-address=127.0.0.1:${ourPort}`, `--state=${folder}`];
  const env = EXPORTER_ENVIRONMENT;
  const ours = new ChildProgram(process.execPath, [...EXPORTER_FLAGS, script, ...args], { env });
  const peer = new ChildProgram("prometheus-node-exporter", [
    `--web.listen-address=127.0.0.1:${peerPort}`,
  ]);
  try {
    const both = await Promise.all([
      startMeasuring(ours, `http://127.0.0.1:${ourPort}/metrics`),
      startMeasuring(peer, `http://127.0.0.1:${peerPort}/metrics`),
    ]);
    for (let round = 0; round < (options.minutes * 60_000) / SCRAPE_INTERVAL_MS; round++) {
      for (const measured of both) measured.bodyBytes = (await fetchBody(measured.url)).length;
      await new Promise((resolve) => setTimeout(resolve, SCRAPE_INTERVAL_MS));
    }
    return compare(both, options.minutes);
  } finally {
    await Promise.all([ours.stop(), peer.stop()]);
    rmSync(folder, { recursive: true });
  }
}

async function startMeasuring(program: ChildProgram, url: string): Promise<Measured> {
  const body = await waitFor(url, () => fetchBody(url), { describe: () => program.text });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return { program, url, startCpuSeconds: program.usage().cpuSeconds, bodyBytes: body.length };
}

async function fetchBody(url: string): Promise<string> {
  const response = await fetch(url, { headers: { "Accept-Encoding": "gzip" } });
  return response.text();
}

function compare([ours, peer]: readonly [Measured, Measured], minutes: number): BenchFigure[] {
  const cpuPerHour = ({ program, startCpuSeconds }: Measured): number =>
    ((program.usage().cpuSeconds - startCpuSeconds) * 60) / minutes;
  const mebibytes = ({ program }: Measured): number => program.usage().residentBytes / 1024 ** 2;
  return [
    {
      name: "exporter CPU",
      unit: "s per hour",
      ours: cpuPerHour(ours),
      peer: cpuPerHour(peer),
      peerName: "node_exporter",
      aim: "<= 1x",
    },
    {
      name: "exporter resident memory",
      unit: "MiB",
      ours: mebibytes(ours),
      peer: mebibytes(peer),
      peerName: "node_exporter",
      aim: "<= 58 MiB",
    },
    {
      name: "body of /metrics",
      unit: "KiB",
      ours: ours.bodyBytes / 1024,
      peer: peer.bodyBytes / 1024,
      peerName: "node_exporter",
      aim: "-",
    },
  ];
}
