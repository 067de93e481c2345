import path from "node:path";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { FIXTURES, REPOSITORY } from "../support/repository.js";
import { simulatedAddress } from "./fleet-simulator.js";

/** Connections per simulator. Each is an open file of its process, and 20,000 is a common limit. */
const MAX_CONNECTIONS = 8000;
const PIHEALTH_BODIES = path.join(FIXTURES, "pihealth-recording.gz");

export interface FleetContent {
  /** Series per body; bodies are cut to that many. */
  readonly series: number;
  /** A folder or a file of recorded bodies; see fleet-simulator.ts. */
  readonly bodies: string | undefined;
  /** Adds series of our own exporter to each body, so that host logs have lines. */
  readonly hasPihealthSeries: boolean;
}

/** Simulated targets, in as many processes as their connections need. */
export class SimulatedFleet {
  private constructor(
    private readonly simulators: readonly ChildProgram[],
    private readonly ports: readonly number[],
  ) {}

  /** @param connections total of all systems */
  static async start(connections: number, content: FleetContent): Promise<SimulatedFleet> {
    const count = Math.ceil(connections / MAX_CONNECTIONS);
    const bodies = content.bodies ?? path.join(FIXTURES, "node-exporter-recording.gz");
    const script = path.join(REPOSITORY, "dist/test/bench/fleet-simulator.js");
    const own = content.hasPihealthSeries ? [PIHEALTH_BODIES] : [];
    const ports: number[] = [];
    const simulators: ChildProgram[] = [];
    for (let index = 0; index < count; index++) {
      const port = await freePort("0.0.0.0");
      const args = [script, String(port), bodies, String(content.series), ...own];
      ports.push(port);
      simulators.push(new ChildProgram(process.execPath, args));
    }
    const fleet = new SimulatedFleet(simulators, ports);
    await waitFor(
      "the simulated fleet",
      () => (simulators.every(({ text }) => text.includes("ready")) ? true : undefined),
      {
        describe: () => simulators.map(({ text }) => text).join(""),
      },
    );
    return fleet;
  }

  /** `address:port` of the first `count` targets, distributed over the simulators. */
  addresses(count: number): string[] {
    const { ports } = this;
    return Array.from(
      { length: count },
      (_, index) => `${simulatedAddress(index)}:${ports[index % ports.length]}`,
    );
  }

  cpuSeconds(): number {
    return this.simulators.reduce((sum, simulator) => sum + simulator.usage().cpuSeconds, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.simulators.map((simulator) => simulator.stop("SIGKILL")));
  }
}
