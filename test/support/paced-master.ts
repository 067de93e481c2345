import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { readEnvelope, querySeries } from "./api-response.js";
import { ChildProgram, waitFor } from "./child-program.js";
import type { OutageLink } from "./outage-link.js";
import { seriesKey, type SamplesBySeries } from "./recorded-history.js";

/** A gap in milliseconds. A gap that lasts ends in the future. */
export interface TimedGap extends TimeRange {
  readonly cause: string;
  readonly state: string;
}

export interface MasterPlan {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
  readonly links: readonly OutageLink[];
  readonly token: string;
  readonly paceFile: string;
  readonly scrapeSeconds: number;
  /** Whether it fetches histories. */
  readonly isFilling: boolean;
  /** Time of the rig. */
  readonly nowMs: () => number;
}

/** Longest time until all gaps are lost or filled. */
const SETTLED_WITHIN_MS = 240_000;

/** A scraper as a real process, with its links. */
export class PacedMaster {
  private program: ChildProgram | undefined;
  private earlierLog = "";

  constructor(private readonly plan: MasterPlan) {
    this.writeConfiguration();
  }

  get name(): string {
    return this.plan.name;
  }

  get port(): number {
    return this.plan.port;
  }

  get folder(): string {
    return this.plan.folder;
  }

  get log(): string {
    return this.earlierLog + (this.program?.text ?? "");
  }

  start(): void {
    const { paceFile, folder, port } = this.plan;
    const args = [paceFile, `--config=${folder}.yml`, `--listen-address=127.0.0.1:${port}`];
    this.program = ChildProgram.ofOurs("test/support/paced-scraper.js", args);
  }

  /**
   * Kills it with SIGKILL.
   *
   * @returns the time of the rig at its exit
   */
  async kill(): Promise<number> {
    await this.program?.stop("SIGKILL");
    this.earlierLog = this.log;
    this.program = undefined;
    return this.plan.nowMs();
  }

  async close(): Promise<void> {
    if (this.program !== undefined) await this.kill();
    await this.cutLinks();
  }

  /**
   * Refuses connections in both directions.
   *
   * @returns the time of the rig
   */
  async cutLinks(): Promise<number> {
    for (const link of this.plan.links) await link.cut();
    return this.plan.nowMs();
  }

  async joinLinks(): Promise<void> {
    for (const link of this.plan.links) await link.join();
  }

  /**
   * @returns resolves when `run` has ended, which starts in the middle of the `count`th segment
   * fetched from now on
   */
  interruptSegment(count: number, run: () => Promise<void>): Promise<void> {
    const [scrapes] = this.plan.links;
    assert.ok(scrapes);
    return scrapes.interruptSegment(count, run);
  }

  /** Resolves with the time of a successful scrape after `sinceMs`. */
  async scraped(sinceMs: number, describe: () => string): Promise<number> {
    return waitFor(
      `a good scrape of ${this.name}`,
      async () => {
        const range = { fromMs: sinceMs, untilMs: this.plan.nowMs() + 1000 };
        const [samples = []] = (await this.stored("up", range)).values();
        return samples.find(({ timeMs, value }) => timeMs > sinceMs && value === 1)?.timeMs;
      },
      { describe },
    );
  }

  async gaps(): Promise<TimedGap[]> {
    const envelope = await readEnvelope(await fetch(`${this.url}/api/v1/gaps`));
    return envelope
      .object("data")
      .objects("gaps")
      .map((gap) => ({
        fromMs: gap.isoTimeMs("from"),
        untilMs: gap.nullable("until", (key) => gap.isoTimeMs(key)) ?? Number.POSITIVE_INFINITY,
        cause: gap.text("cause"),
        state: gap.text("state"),
      }));
  }

  /**
   * Waits until the range has at least this many gaps and each is filled or lost.
   *
   * @returns these gaps
   */
  settled(
    { fromMs, untilMs }: TimeRange,
    describe: () => string,
    leastGaps = 1,
  ): Promise<TimedGap[]> {
    return waitFor(
      `nothing open at ${this.name}`,
      async () => {
        const gaps = (await this.gaps()).filter(
          (gap) => gap.fromMs < untilMs && gap.untilMs > fromMs,
        );
        const isSettled = gaps.every(({ state }) => state === "filled" || state === "lost");
        return isSettled && gaps.length >= leastGaps ? gaps : undefined;
      },
      { withinMs: SETTLED_WITHIN_MS, describe },
    );
  }

  /** Every stored sample of the series that the PromQL selector matches. */
  async stored(selector: string, { fromMs, untilMs }: TimeRange): Promise<SamplesBySeries> {
    const query = `${selector}[${Math.ceil(untilMs - fromMs)}ms]`;
    const parameters = { time: String(untilMs / 1000), timeout: "2m" };
    const found = await querySeries(this.url, query, parameters);
    return new Map(
      found.map(({ metric, points }) => [
        seriesKey(metric),
        points.map(([time, value]) => ({
          timeMs: Math.round(time * 1000),
          value: Number(value.replace("Inf", "Infinity")),
        })),
      ]),
    );
  }

  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text
      .split("\n")
      .find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  }

  private get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private writeConfiguration(): void {
    const { folder, target, scrapeSeconds, isFilling, token } = this.plan;
    const interval = `${scrapeSeconds}s`;
    writeFileSync(
      `${folder}.yml`,
      `
global: { scrape_interval: ${interval}, scrape_timeout: ${interval}, evaluation_interval: 1h }
scrape_configs:
  - job_name: pi
    static_configs: [{ targets: ["${target.host}:${target.port}"] }]
storage: { path: ${path.join(folder, "data")}, commit_interval: 1s }
backfill: { enabled: ${isFilling} }
fleet: { token_file: ${token} }
`,
    );
  }
}
