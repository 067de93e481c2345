import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { waitFor } from "../support/child-program.js";
import type { BenchFigure } from "./figure.js";
import {
  compare,
  fetchText,
  type Measured,
  readMoment,
  type Running,
  startSystem,
  warmUpMs,
} from "./fleet-measure.js";
import { FLEET_SYSTEMS, metricSum } from "./fleet-systems.js";
import { type FleetContent, SimulatedFleet } from "./simulated-fleet.js";

export interface FleetSizeOptions extends FleetContent {
  /** Targets of the large fleet; the small one has a tenth. */
  readonly targets: number;
  readonly intervalSeconds: number;
  readonly minutes: number;
  readonly nodeFlags: readonly string[];
}

const SMALL_PART = 0.1;
const SCRAPES = /^pihealth_scrape_pool_scrapes_total\{/;

interface FleetRun {
  readonly running: Running;
  readonly targets: number;
}

/**
 * Two of our scrapers side by side, one with ten times as many targets as the other. The cost per
 * target should not depend on their number.
 */
export async function benchFleetSize(options: FleetSizeOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-fleet-size-"));
  const sizes = [options.targets, Math.round(options.targets * SMALL_PART)];
  const fleet = await SimulatedFleet.start(
    sizes.reduce((sum, size) => sum + size, 0),
    options,
  );
  const runs: FleetRun[] = [];
  try {
    for (const targets of sizes) {
      const job = {
        ...options,
        addresses: fleet.addresses(targets),
        folder: path.join(folder, String(targets)),
      };
      runs.push({ targets, running: await startSystem(itemAt(FLEET_SYSTEMS, 0), job) });
    }
    const large = itemAt(runs, 0);
    const startMs = performance.now();
    await waitFor("the first scrapes", () => haveAllScraped(large), { withinMs: 300_000 });
    const allScrapedSeconds = (performance.now() - startMs) / 1000;
    await pause(warmUpMs(options.intervalSeconds));
    const measured = await measure(runs, options);
    const stopMs = performance.now();
    await large.running.program.stop();
    const stopSeconds = (performance.now() - stopMs) / 1000;
    return figuresOf(measured, options, { allScrapedSeconds, stopSeconds });
  } finally {
    await Promise.all(runs.map(({ running }) => running.program.stop()));
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function haveAllScraped({ running, targets }: FleetRun): Promise<true | undefined> {
  return metricSum(await fetchText(running.metricsUrl), SCRAPES) >= targets ? true : undefined;
}

async function measure(runs: readonly FleetRun[], options: FleetSizeOptions): Promise<Measured[]> {
  const before = await Promise.all(runs.map(({ running }) => readMoment(running)));
  await pause(options.minutes * 60_000);
  const after = await Promise.all(runs.map(({ running }) => readMoment(running)));
  return runs.map(({ targets }, index) =>
    compare(`${targets} targets`, itemAt(before, index), itemAt(after, index), {
      ...options,
      targets,
    }),
  );
}

function figuresOf(
  measured: readonly Measured[],
  { targets, series, intervalSeconds, hasPihealthSeries }: FleetSizeOptions,
  times: { readonly allScrapedSeconds: number; readonly stopSeconds: number },
): BenchFigure[] {
  const [large, small] = [itemAt(measured, 0), itemAt(measured, 1)];
  const own = hasPihealthSeries ? " + our exporter's" : "";
  const name = (what: string): string =>
    `${targets} x ${series}${own} at ${intervalSeconds} s: ${what}`;
  const perTarget = (fleet: Measured, count: number): number =>
    (fleet.cores * intervalSeconds * 1e6) / count;
  return [
    { name: name("CPU"), unit: "cores", ours: large.cores, aim: "<= 1" },
    {
      name: name("resident memory"),
      unit: "MiB",
      ours: large.residentBytes / 1024 ** 2,
      aim: "<= 1536 MiB",
    },
    {
      name: name("resident memory per active series"),
      unit: "B",
      ours: large.residentBytesPerSeries,
      aim: "<= 300 B",
    },
    { name: name("scrapes missed or failed"), unit: "", ours: large.missedScrapes, aim: "0" },
    { name: name("samples missing"), unit: "%", ours: large.missingRatio * 100, aim: "0" },
    {
      name: name("CPU per target and scrape"),
      unit: "us",
      ours: perTarget(large, targets),
      peer: perTarget(small, targets * SMALL_PART),
      peerName: `${targets * SMALL_PART} targets`,
      aim: "<= 1.2x",
    },
    {
      name: name("start until each was scraped"),
      unit: "s",
      ours: times.allScrapedSeconds,
      aim: "one interval",
    },
    { name: name("stop after SIGTERM"), unit: "s", ours: times.stopSeconds, aim: "<= 25 s" },
  ];
}
