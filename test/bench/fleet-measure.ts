import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { type ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { type FleetJob, type FleetSystem, metricSum } from "./fleet-systems.js";

/**
 * Scrapes before the measurement: connections are open, layouts known, host files created, hot code
 * compiled.
 */
const WARM_UP_SCRAPES = 6;
const MIN_WARM_UP_SECONDS = 60;

export const warmUpMs = (intervalSeconds: number): number =>
  1000 * Math.max(MIN_WARM_UP_SECONDS, WARM_UP_SCRAPES * intervalSeconds);

/** A system that scrapes. */
export interface Running {
  readonly system: FleetSystem;
  readonly program: ChildProgram;
  readonly metricsUrl: string;
  readonly dataFolder: string;
}

/** Metrics and resource usage of a system at one time. */
export interface Moment {
  readonly atSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly samples: number;
  readonly series: number;
  readonly missed: number;
  readonly diskBytes: number;
}

export interface Measured {
  readonly name: string;
  readonly cpuMicrosecondsPerSample: number;
  readonly cores: number;
  readonly residentBytes: number;
  readonly residentBytesPerSeries: number;
  readonly diskBytesPerSample: number;
  /**
   * Share of the samples that were due and are missing, 0 to 1. Scrapes at both edges of the window
   * make it inexact.
   */
  readonly missingRatio: number;
  /** NaN when the system does not report it. */
  readonly missedScrapes: number;
}

export async function startSystem(
  system: FleetSystem,
  job: Omit<FleetJob, "ownPort">,
): Promise<Running> {
  const ownPort = await freePort();
  const program = system.start({ ...job, ownPort });
  const metricsUrl = `http://127.0.0.1:${ownPort}/metrics`;
  await waitFor(metricsUrl, () => fetchText(metricsUrl), { describe: () => program.text });
  return { system, program, metricsUrl, dataFolder: path.join(job.folder, "data") };
}

export async function readMoment({
  system,
  program,
  metricsUrl,
  dataFolder,
}: Running): Promise<Moment> {
  const text = await fetchText(metricsUrl);
  const { cpuSeconds, residentBytes } = program.usage();
  return {
    atSeconds: performance.now() / 1000,
    cpuSeconds,
    residentBytes,
    samples: metricSum(text, system.samplesMetric),
    series: metricSum(text, system.seriesMetric),
    missed: system.missedMetric === undefined ? Number.NaN : metricSum(text, system.missedMetric),
    diskBytes: folderBytes(dataFolder),
  };
}

/** Differences between two times. */
export function compare(
  name: string,
  before: Moment,
  after: Moment,
  options: { readonly targets: number; readonly intervalSeconds: number },
): Measured {
  const seconds = after.atSeconds - before.atSeconds;
  const samples = after.samples - before.samples;
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const dueScrapes = (options.targets * seconds) / options.intervalSeconds;
  const samplesPerScrape = after.series / options.targets;
  return {
    name,
    cpuMicrosecondsPerSample: (cpuSeconds * 1e6) / samples,
    cores: cpuSeconds / seconds,
    residentBytes: after.residentBytes,
    residentBytesPerSeries: after.residentBytes / after.series,
    diskBytesPerSample: after.diskBytes / after.samples,
    missedScrapes: after.missed - before.missed,
    missingRatio: Math.max(0, 1 - samples / (dueScrapes * samplesPerScrape)),
  };
}

export async function fetchText(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Tolerates files that are created and removed by the running programs. */
function folderBytes(folder: string): number {
  let total = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    total +=
      statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}
