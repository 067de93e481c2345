import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ChildProgram, freePort, waitFor } from "../support/child-program.js";
import { FIXTURES, REPOSITORY } from "../support/repository.js";
import type { BenchFigure } from "./figure.js";
import { cutBody, loadBodies } from "./fleet-simulator.js";
import { type FleetSystem, FLEET_SYSTEMS, metricSum } from "./fleet-systems.js";

export interface FleetOptions {
  readonly targets: number;
  /** Series per body; bodies are cut to that many. */
  readonly series: number;
  readonly intervalSeconds: number;
  /** Length of what is measured; the warm-up before it comes on top. */
  readonly minutes: number;
  /** Names of systems, in lower case. */
  readonly systems: readonly string[];
  /** A folder or a file of recorded bodies; see fleet-simulator.ts. */
  readonly bodies: string | undefined;
  readonly nodeFlags: readonly string[];
}

/** Scrapes before the measurement: connections are made, layouts known, each host has its file, hot code is compiled. */
const WARM_UP_SCRAPES = 6;
const MIN_WARM_UP_SECONDS = 60;

interface Running {
  readonly system: FleetSystem;
  readonly program: ChildProgram;
  readonly metricsUrl: string;
  readonly dataFolder: string;
}

interface Moment {
  readonly atSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly samples: number;
  readonly series: number;
  readonly missed: number;
  readonly diskBytes: number;
}

interface Measured {
  readonly name: string;
  readonly cpuMicrosecondsPerSample: number;
  readonly cores: number;
  readonly residentBytes: number;
  readonly residentBytesPerSeries: number;
  readonly diskBytesPerSample: number;
  /** Part of the samples that were due and are not there, 0 to 1; scrapes on both edges of the window blur it. */
  readonly missingRatio: number;
  /** NaN where the system does not tell. */
  readonly missedScrapes: number;
}

/** The scrapers side by side on one simulated fleet, each measured over the same window. */
export async function benchFleet(options: FleetOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-fleet-"));
  const bodies = options.bodies ?? path.join(FIXTURES, "node-exporter-recording.gz");
  const targetPort = await freePort("0.0.0.0");
  const script = path.join(REPOSITORY, "dist/test/bench/fleet-simulator.js");
  const simulator = new ChildProgram(process.execPath, [script, String(targetPort), bodies, String(options.series)]);
  const running: Running[] = [];
  try {
    await waitFor("the simulated fleet", () => (simulator.text.includes("ready") ? true : undefined));
    for (const system of FLEET_SYSTEMS) {
      if (!options.systems.includes(system.name.toLowerCase())) continue;
      running.push(await start(system, { ...options, targetPort, folder: path.join(folder, system.name) }));
    }
    await pause(1000 * Math.max(MIN_WARM_UP_SECONDS, WARM_UP_SCRAPES * options.intervalSeconds));
    const series = Math.min(options.series, seriesOf(cutBody(loadBodies(bodies)[0] ?? "", options.series)));
    return figuresOf(await measure(running, simulator, { ...options, series }), options);
  } finally {
    await Promise.all(running.map(({ program }) => program.stop()));
    await simulator.stop("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(
  system: FleetSystem, options: FleetOptions & { targetPort: number; folder: string },
): Promise<Running> {
  const ownPort = await freePort();
  const program = system.start({ ...options, ownPort });
  const metricsUrl = `http://127.0.0.1:${ownPort}/metrics`;
  await waitFor(metricsUrl, () => fetchText(metricsUrl), { describe: () => program.text });
  return { system, program, metricsUrl, dataFolder: path.join(options.folder, "data") };
}

async function measure(
  running: readonly Running[], simulator: ChildProgram, options: FleetOptions,
): Promise<Measured[]> {
  const simulatorBefore = simulator.usage().cpuSeconds;
  const before = await Promise.all(running.map(readMoment));
  await pause(options.minutes * 60_000);
  const after = await Promise.all(running.map(readMoment));
  const simulatorCores = (simulator.usage().cpuSeconds - simulatorBefore) / (options.minutes * 60);
  process.stderr.write(`The simulated fleet itself used ${simulatorCores.toFixed(2)} cores\n`);
  return running.map(({ system }, index) =>
    compare(system.name, before[index] as Moment, after[index] as Moment, options),
  );
}

async function readMoment({ system, program, metricsUrl, dataFolder }: Running): Promise<Moment> {
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

function compare(name: string, before: Moment, after: Moment, options: FleetOptions): Measured {
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

interface FigureKind {
  readonly name: string;
  readonly unit: string;
  readonly valueOf: (measured: Measured) => number;
  readonly aims: Readonly<Record<string, string>>;
}

const FIGURES: readonly FigureKind[] = [
  {
    name: "CPU per stored sample", unit: "us", valueOf: (measured) => measured.cpuMicrosecondsPerSample,
    aims: { Prometheus: "<= 1/3" },
  },
  { name: "CPU", unit: "cores", valueOf: ({ cores }) => cores, aims: { none: "<= 1 at 10,000 targets" } },
  {
    name: "resident memory", unit: "MiB", valueOf: ({ residentBytes }) => residentBytes / 1024 ** 2,
    aims: { none: "<= 1536 MiB at 10,000 targets" },
  },
  {
    name: "resident memory per active series", unit: "B", valueOf: (measured) => measured.residentBytesPerSeries,
    aims: { Prometheus: "<= 1/10, <= 300 B", VictoriaMetrics: "< 1" },
  },
  { name: "disk per sample, logs of the head included", unit: "B", valueOf: (measured) => measured.diskBytesPerSample, aims: {} },
  {
    name: "scrapes missed or failed", unit: "", valueOf: ({ missedScrapes }) => missedScrapes, aims: { none: "0" },
  },
  { name: "samples missing", unit: "%", valueOf: (measured) => measured.missingRatio * 100, aims: { none: "0" } },
];

/** One row per figure and peer; without peers, one per figure. */
function figuresOf(measured: readonly Measured[], { targets, series, intervalSeconds }: FleetOptions): BenchFigure[] {
  const [ours, ...peers] = measured;
  if (ours === undefined) return [];
  const fleet = `${targets} x ${series} at ${intervalSeconds} s`;
  return FIGURES.flatMap(({ name, unit, valueOf, aims }): BenchFigure[] => {
    const figure = { name: `${fleet}: ${name}`, unit, ours: valueOf(ours) };
    const told = peers.filter((peer) => Number.isFinite(valueOf(peer)));
    if (told.length === 0) return [{ ...figure, aim: aims["none"] ?? "-" }];
    return told.map((peer) => ({
      ...figure, peer: valueOf(peer), peerName: peer.name, aim: aims[peer.name] ?? "-",
    }));
  });
}

const seriesOf = (text: string): number => text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;

async function fetchText(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Files come and go while the programs run. */
function folderBytes(folder: string): number {
  let total = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    total += statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}
