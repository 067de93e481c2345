import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { querySeries } from "../support/api-response.js";
import { type ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import type { BenchFigure } from "./figure.js";
import { type FleetJob, type FleetSystem, FLEET_SYSTEMS, metricSum } from "./fleet-systems.js";
import { type FleetContent, SimulatedFleet } from "./simulated-fleet.js";

export interface RestartOptions extends FleetContent {
  readonly targets: number;
  readonly intervalSeconds: number;
  /** Time for which the fleet is scraped before the programs are killed. */
  readonly minutes: number;
  readonly systems: readonly string[];
  readonly nodeFlags: readonly string[];
}

interface Running {
  readonly system: FleetSystem;
  readonly job: FleetJob;
  readonly program: ChildProgram;
  readonly url: string;
}

interface Restarted {
  readonly name: string;
  readonly series: number;
  readonly samples: number;
  readonly readySeconds: number;
  readonly answerSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Longest time until a program responds again. */
const PATIENCE_MS = 300_000;
const POLL_MS = 20;
/** Number of kills and starts; the median counts. */
const RESTARTS = 3;

/**
 * Kills scrapers of one simulated fleet with SIGKILL, and measures the time until each is ready and
 * has answered a query over its stored samples, one after the other.
 */
export async function benchRestart(options: RestartOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-restart-"));
  const systems = FLEET_SYSTEMS.filter(({ name }) => options.systems.includes(name.toLowerCase()));
  const fleet = await SimulatedFleet.start(options.targets * systems.length, options);
  const addresses = fleet.addresses(options.targets);
  const running: Running[] = [];
  try {
    for (const system of systems) {
      const ownFolder = path.join(folder, system.name);
      const job = { ...options, addresses, folder: ownFolder, ownPort: await freePort() };
      running.push(await start(system, job));
    }
    await pause(options.minutes * 60_000);
    const stored = await Promise.all(running.map(storedBy));
    const killedAt = Date.now() / 1000;
    for (const { program } of running) await program.stop("SIGKILL");
    const restarted: Restarted[] = [];
    for (const [index, one] of running.entries()) {
      const runs: Restarted[] = [];
      for (let run = 0; run < RESTARTS; run++)
        runs.push(
          await restart(one, options.targets, killedAt, stored[index] ?? { series: 0, samples: 0 }),
        );
      runs.sort((left, right) => left.answerSeconds - right.answerSeconds);
      restarted.push(itemAt(runs, RESTARTS >> 1));
    }
    return figuresOf(restarted);
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(system: FleetSystem, job: FleetJob): Promise<Running> {
  const program = system.start(job);
  const url = `http://127.0.0.1:${job.ownPort}`;
  const isUp = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  await waitFor(url, isUp, { describe: () => program.text });
  return { system, job, program, url };
}

async function storedBy({ system, url }: Running): Promise<{ series: number; samples: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return {
    series: metricSum(text, system.seriesMetric),
    samples: metricSum(text, system.samplesMetric),
  };
}

/** Starts, waits for a response, kills again. */
async function restart(
  { system, job, url }: Running,
  targets: number,
  killedAt: number,
  stored: { series: number; samples: number },
): Promise<Restarted> {
  const startedMs = performance.now();
  const program = system.start(job);
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  const until = async (isDone: () => Promise<boolean>): Promise<number> => {
    while (!(await isDone().catch(() => false))) {
      if (seconds() * 1000 > PATIENCE_MS)
        throw new Error(`${system.name} does not answer: ${program.text}`);
      await pause(POLL_MS);
    }
    return seconds();
  };
  try {
    const readySeconds = await until(async () => (await fetch(`${url}/-/ready`)).ok);
    // All targets were scraped before, so each has a value at the time of the kill.
    const answerSeconds = await until(async () => {
      const [count] = await querySeries(url, "count(node_load1)", { time: String(killedAt) });
      return Number(count?.points[0]?.[1]) === targets;
    });
    const { cpuSeconds, residentBytes } = program.usage();
    return { name: system.name, ...stored, readySeconds, answerSeconds, cpuSeconds, residentBytes };
  } finally {
    await program.stop("SIGKILL");
  }
}

function figuresOf(restarted: readonly Restarted[]): BenchFigure[] {
  const [ours, ...peers] = restarted;
  if (ours === undefined) return [];
  const kinds: readonly {
    name: string;
    aim: string;
    unit: string;
    of: (one: Restarted) => number;
  }[] = [
    { name: "series", unit: "", of: ({ series }) => series, aim: "1,000,000" },
    { name: "samples", unit: "", of: ({ samples }) => samples, aim: "-" },
    {
      name: "ready after kill -9",
      unit: "s",
      of: ({ readySeconds }) => readySeconds,
      aim: "<= 3 s, <= 1/5",
    },
    {
      name: "query answered",
      unit: "s",
      of: ({ answerSeconds }) => answerSeconds,
      aim: "<= 3 s, <= 1/5",
    },
    { name: "CPU until then", unit: "s", of: ({ cpuSeconds }) => cpuSeconds, aim: "-" },
    {
      name: "resident then",
      unit: "MiB",
      of: ({ residentBytes }) => residentBytes / 2 ** 20,
      aim: "-",
    },
  ];
  return kinds.flatMap(({ name, aim, unit, of }): BenchFigure[] => {
    const figure = { name: `restart: ${name}`, unit, ours: of(ours), aim };
    if (peers.length === 0) return [figure];
    return peers.map((peer) => ({ ...figure, peer: of(peer), peerName: peer.name }));
  });
}
