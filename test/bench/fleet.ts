import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { BenchFigure } from "./figure.js";
import {
  compare,
  type Measured,
  readMoment,
  type Running,
  startSystem,
  warmUpMs,
} from "./fleet-measure.js";
import { FLEET_SYSTEMS } from "./fleet-systems.js";
import { type FleetContent, SimulatedFleet } from "./simulated-fleet.js";

export interface FleetOptions extends FleetContent {
  readonly targets: number;
  readonly intervalSeconds: number;
  /** Length of the measurement, without the warm-up. */
  readonly minutes: number;
  /** Names of systems, in lower case. */
  readonly systems: readonly string[];
  readonly nodeFlags: readonly string[];
}

/** The scrapers side by side on one simulated fleet, each measured over the same window. */
export async function benchFleet(options: FleetOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-fleet-"));
  const systems = FLEET_SYSTEMS.filter(({ name }) => options.systems.includes(name.toLowerCase()));
  const fleet = await SimulatedFleet.start(options.targets * systems.length, options);
  const addresses = fleet.addresses(options.targets);
  const running: Running[] = [];
  try {
    for (const system of systems) {
      running.push(
        await startSystem(system, {
          ...options,
          addresses,
          folder: path.join(folder, system.name),
        }),
      );
    }
    await pause(warmUpMs(options.intervalSeconds));
    return figuresOf(await measure(running, fleet, options), options);
  } finally {
    await Promise.all(running.map(({ program }) => program.stop()));
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  running: readonly Running[],
  fleet: SimulatedFleet,
  options: FleetOptions,
): Promise<Measured[]> {
  const fleetBefore = fleet.cpuSeconds();
  const before = await Promise.all(running.map(readMoment));
  await pause(options.minutes * 60_000);
  const after = await Promise.all(running.map(readMoment));
  const fleetCores = (fleet.cpuSeconds() - fleetBefore) / (options.minutes * 60);
  process.stderr.write(`The simulated fleet itself used ${fleetCores.toFixed(2)} cores\n`);
  return running.map(({ system }, index) =>
    compare(system.name, itemAt(before, index), itemAt(after, index), options),
  );
}

interface FigureKind {
  readonly name: string;
  readonly unit: string;
  readonly valueOf: (measured: Measured) => number;
  readonly aims: Readonly<Record<string, string>>;
}

const FIGURES: readonly FigureKind[] = [
  {
    name: "CPU per stored sample",
    unit: "us",
    valueOf: (measured) => measured.cpuMicrosecondsPerSample,
    aims: { Prometheus: "<= 1/3" },
  },
  {
    name: "CPU",
    unit: "cores",
    valueOf: ({ cores }) => cores,
    aims: { none: "<= 1 at 10,000 targets" },
  },
  {
    name: "resident memory",
    unit: "MiB",
    valueOf: ({ residentBytes }) => residentBytes / 1024 ** 2,
    aims: { none: "<= 1536 MiB at 10,000 targets" },
  },
  {
    name: "resident memory per active series",
    unit: "B",
    valueOf: (measured) => measured.residentBytesPerSeries,
    aims: { Prometheus: "<= 1/10, <= 300 B", VictoriaMetrics: "< 1" },
  },
  {
    name: "disk per sample, logs of the head included",
    unit: "B",
    valueOf: (measured) => measured.diskBytesPerSample,
    aims: {},
  },
  {
    name: "scrapes missed or failed",
    unit: "",
    valueOf: ({ missedScrapes }) => missedScrapes,
    aims: { none: "0" },
  },
  {
    name: "samples missing",
    unit: "%",
    valueOf: (measured) => measured.missingRatio * 100,
    aims: { none: "0" },
  },
];

/** One row per figure and peer; without peers, one per figure. */
function figuresOf(
  measured: readonly Measured[],
  { targets, series, intervalSeconds }: FleetOptions,
): BenchFigure[] {
  const [ours, ...peers] = measured;
  if (ours === undefined) return [];
  const fleet = `${targets} x ${series} at ${intervalSeconds} s`;
  return FIGURES.flatMap(({ name, unit, valueOf, aims }): BenchFigure[] => {
    const figure = { name: `${fleet}: ${name}`, unit, ours: valueOf(ours) };
    const known = peers.filter((peer) => Number.isFinite(valueOf(peer)));
    if (known.length === 0) return [{ ...figure, aim: aims["none"] ?? "-" }];
    return known.map((peer) => ({
      ...figure,
      peer: valueOf(peer),
      peerName: peer.name,
      aim: aims[peer.name] ?? "-",
    }));
  });
}
