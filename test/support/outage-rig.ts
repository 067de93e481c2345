import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { scanMembers } from "../../exporter/shared/codec/gzip-member.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { ChildProgram, freePort, waitFor } from "./child-program.js";

export interface GapAnswer {
  readonly host: string;
  readonly from: string;
  readonly until: string | null;
  readonly cause: string;
  readonly state: string;
}

interface MatrixSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** What became of the samples of an outage. */
export interface OutageCount {
  readonly expected: number;
  readonly present: number;
  readonly duplicated: number;
}

/** The link has the same port on 127.0.0.1, from where the heartbeats come. */
const EXPORTER_ADDRESS = "127.0.0.2";
/** A series whose samples are compared one by one. */
const COMPARED = ["pihealth_memory_available_bytes", "pihealth_load1", "pihealth_uptime_seconds"];

/**
 * An exporter and a scraper as real processes, the scraper reaching the exporter through a link that can be cut. What
 * the exporter recorded is read from copies of its history, so that confirmed segments are known too.
 */
export class OutageRig {
  readonly folder = mkdtempSync(path.join(tmpdir(), "pihealth-outage-"));
  readonly startedMs = Date.now();
  private readonly copies = path.join(this.folder, "copies");
  private exporter: ChildProgram | undefined;
  private scraper: ChildProgram | undefined;
  private link: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly ports: { readonly exporter: number; readonly scraper: number },
  ) {}

  static async start(): Promise<OutageRig> {
    const rig = new OutageRig({ exporter: await freePort(EXPORTER_ADDRESS), scraper: await freePort() });
    mkdirSync(rig.copies);
    rig.writeConfiguration();
    await rig.listen();
    rig.spawnExporter();
    rig.spawnScraper();
    await rig.scraped(rig.startedMs);
    return rig;
  }

  async close(): Promise<void> {
    await Promise.all([this.exporter?.stop("SIGKILL"), this.scraper?.stop("SIGKILL")]);
    this.cut();
    this.link?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Lets real time go by: the exporter samples in it. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = Date.now() + durationMs;
    await waitFor("time", () => (Date.now() >= untilMs ? true : undefined), { withinMs: durationMs + 60_000 });
    this.copyHistory();
  }

  async killScraper(): Promise<number> {
    await this.scraper?.stop("SIGKILL");
    return Date.now();
  }

  /** @returns a time at which scrapes succeed again */
  async startScraper(): Promise<number> {
    const sinceMs = Date.now();
    this.spawnScraper();
    return this.scraped(sinceMs);
  }

  async killExporter(): Promise<number> {
    await this.exporter?.stop("SIGKILL");
    return Date.now();
  }

  async startExporter(): Promise<number> {
    const sinceMs = Date.now();
    this.spawnExporter();
    const isScraperGone = this.scraper === undefined || (await this.isGone(this.scraper));
    return isScraperGone ? sinceMs : this.scraped(sinceMs);
  }

  async cutLink(): Promise<number> {
    this.isCut = true;
    this.cut();
    await waitFor("a failed scrape", async () => ((await this.up()) === 0 ? true : undefined), this.told());
    return Date.now();
  }

  async joinLink(): Promise<number> {
    const sinceMs = Date.now();
    this.isCut = false;
    return this.scraped(sinceMs);
  }

  /** Resolves when the scraper has asked for a segment since the link was joined. */
  async fetchBegun(): Promise<void> {
    await waitFor(
      "a gap being filled or filled",
      async () => ((await this.gaps()).some(({ state }) => state === "filling" || state === "filled") ? true : undefined),
      this.told(),
    );
  }

  async gaps(): Promise<GapAnswer[]> {
    const { gaps } = await this.get<{ gaps: GapAnswer[] }>("/api/v1/gaps?host=127.0.0.1");
    return gaps;
  }

  /** Waits until nothing of the range is missing. */
  async filled(range: TimeRange): Promise<void> {
    await this.settled(range);
    const left = (await this.gaps()).filter((gap) => gap.state === "lost" && overlaps(gap, range));
    assert.deepEqual(left, []);
  }

  async lost(range: TimeRange): Promise<GapAnswer> {
    await this.settled(range);
    const [gap] = (await this.gaps()).filter((one) => one.state === "lost" && overlaps(one, range));
    assert.ok(gap, JSON.stringify(await this.gaps()));
    return gap;
  }

  /** Waits until the exporter has been told that something is durable. */
  async confirmation(): Promise<void> {
    const url = `http://127.0.0.1:${this.ports.scraper}/metrics`;
    await waitFor(
      "heartbeats",
      async () => (/^pihealth_heartbeats_received_total [1-9]/m.test(await (await fetch(url)).text()) ? true : undefined),
      this.told(),
    );
  }

  async samplesSince(fromMs: number, count: number): Promise<void> {
    await waitFor(
      `${count} samples`,
      async () => ((await this.stored("up", { fromMs, untilMs: Date.now() })).length >= count ? true : undefined),
      this.told(),
    );
  }

  /** Every sample the exporter recorded in the range is stored at its time with its value, and none twice. */
  async assertComplete(range: TimeRange): Promise<void> {
    const count = await this.compare(range);
    assert.ok(count.expected > 0, "nothing was recorded");
    assert.equal(count.present, count.expected, this.logs());
    assert.equal(count.duplicated, 0);
  }

  async compare(range: TimeRange): Promise<OutageCount> {
    this.copyHistory();
    const recorded = this.recorded(range);
    let [expected, present, duplicated] = [0, 0, 0];
    for (const metric of COMPARED) {
      const times = new Map<number, string>();
      for (const { time, value } of await this.stored(metric, range)) {
        if (times.has(time)) duplicated++;
        times.set(time, value);
      }
      for (const [time, value] of recorded.get(metric) ?? []) {
        expected++;
        if (Number(times.get(time) ?? Number.NaN) === value) present++;
      }
    }
    return { expected, present, duplicated };
  }

  logs(): string {
    return `exporter:\n${this.exporter?.text}\nscraper:\n${this.scraper?.text}`;
  }

  private async settled(range: TimeRange): Promise<void> {
    await waitFor(
      "no open gap",
      async () => {
        const gaps = (await this.gaps()).filter((gap) => overlaps(gap, range));
        return gaps.length > 0 && gaps.every(({ state }) => state === "filled" || state === "lost") ? true : undefined;
      },
      { withinMs: 90_000, describe: () => `${this.logs()}` },
    );
  }

  /** Reads the samples of the compared series from all copies. */
  private recorded({ fromMs, untilMs }: TimeRange): Map<string, Map<number, number>> {
    const found = new Map<string, Map<number, number>>();
    for (const name of readdirSync(this.copies)) {
      for (const text of scanMembers(readFileSync(path.join(this.copies, name))).texts) {
        for (const [, metric = "", value = "", time = ""] of text.matchAll(/^(\w+) (\S+) (\d+)$/gm)) {
          const timeMs = Number(time);
          if (!COMPARED.includes(metric) || timeMs < fromMs || timeMs >= untilMs) continue;
          const samples = found.get(metric) ?? new Map<number, number>();
          found.set(metric, samples.set(timeMs, Number(value)));
        }
      }
    }
    return found;
  }

  private async stored(metric: string, { fromMs, untilMs }: TimeRange): Promise<{ time: number; value: string }[]> {
    const seconds = Math.ceil((untilMs - fromMs) / 1000) + 1;
    const query = `${metric}[${seconds}s]`;
    const data = await this.get<{ result: MatrixSeries[] }>(
      `/api/v1/query?query=${encodeURIComponent(query)}&time=${untilMs / 1000}`,
    );
    return data.result.flatMap(({ values }) =>
      values.map(([time, value]) => ({ time: Math.round(time * 1000), value })),
    );
  }

  private copyHistory(): void {
    const history = path.join(this.folder, "state/history");
    if (!existsSync(history)) return;
    for (const name of readdirSync(history)) {
      if (name.endsWith(".prom.gz")) cpSync(path.join(history, name), path.join(this.copies, name));
    }
  }

  /** @returns the time of a good scrape after `sinceMs` */
  private async scraped(sinceMs: number): Promise<number> {
    return waitFor(
      "a good scrape",
      async () => {
        const samples = await this.stored("up", { fromMs: sinceMs, untilMs: Date.now() });
        return samples.find(({ time, value }) => time > sinceMs && value === "1")?.time;
      },
      this.told(),
    );
  }

  private async up(): Promise<number | undefined> {
    const { result } = await this.get<{ result: { value: [number, string] }[] }>("/api/v1/query?query=up");
    return result[0] === undefined ? undefined : Number(result[0].value[1]);
  }

  private async get<Data>(pathAndQuery: string): Promise<Data> {
    const response = await fetch(`http://127.0.0.1:${this.ports.scraper}${pathAndQuery}`);
    const envelope = (await response.json()) as { status: string; data: Data };
    assert.equal(envelope.status, "success", JSON.stringify(envelope));
    return envelope.data;
  }

  private async isGone(program: ChildProgram): Promise<boolean> {
    return Promise.race([program.exited.then(() => true), new Promise<boolean>((done) => setImmediate(() => done(false)))]);
  }

  private told(): { describe: () => string } {
    return { describe: () => this.logs() };
  }

  /** The link: a port that leads to the exporter, or refuses. */
  private async listen(): Promise<void> {
    this.link = createServer((client) => {
      if (this.isCut) {
        client.destroy();
        return;
      }
      const server = connect(this.ports.exporter, EXPORTER_ADDRESS);
      for (const socket of [client, server]) {
        this.sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => this.sockets.delete(socket));
      }
      client.on("close", () => server.destroy());
      server.on("close", () => client.destroy());
      client.pipe(server).pipe(client);
    });
    await new Promise<void>((done) => this.link?.listen(this.ports.exporter, "127.0.0.1", done));
  }

  private cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private spawnExporter(): void {
    const args = [`--config=${this.folder}/exporter.yml`, `--state=${this.folder}/state`];
    this.exporter = ChildProgram.ofOurs("exporter/main.js", [
      ...args, `--listen-address=${EXPORTER_ADDRESS}:${this.ports.exporter}`,
    ]);
  }

  private spawnScraper(): void {
    const listen = `--listen-address=127.0.0.1:${this.ports.scraper}`;
    this.scraper = ChildProgram.ofOurs("scraper/main.js", [`--config=${this.folder}/pihealthd.yml`, listen]);
  }

  private writeConfiguration(): void {
    const { exporter, scraper } = this.ports;
    writeFileSync(path.join(this.folder, "token"), `${"a7".repeat(32)}\n`);
    writeFileSync(
      path.join(this.folder, "exporter.yml"),
      `
collectors:
  memory: { interval: 1s }
  cpu: { interval: 1s }
  load: { interval: 1s }
  system: { interval: 1s }
history: { samplings_per_flush: 2, flush_interval: 1s }
uplink:
  masters: ["http://127.0.0.1:${scraper}"]
  token_file: ${this.folder}/token
  heartbeat_interval: 1s
`,
    );
    writeFileSync(
      path.join(this.folder, "pihealthd.yml"),
      `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: pi
    static_configs: [{ targets: ["127.0.0.1:${exporter}"] }]
storage: { path: ${this.folder}/data, commit_interval: 1s }
fleet: { token_file: ${this.folder}/token }
`,
    );
  }
}

const overlaps = ({ from, until }: GapAnswer, { fromMs, untilMs }: TimeRange): boolean =>
  Date.parse(from) < untilMs && (until === null || Date.parse(until) > fromMs);
