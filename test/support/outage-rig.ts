import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { COLLECTORS } from "../../exporter/collectors/registry.js";
import { ChildProgram, waitFor } from "./child-program.js";
import { freePort } from "./loopback-servers.js";
import { OutageLink } from "./outage-link.js";
import { PaceFile } from "./paced-clock.js";
import { PacedMaster, type MasterPlan } from "./paced-master.js";
import type { RigBoot } from "./paced-exporter.js";
import { RecordedHistory } from "./recorded-history.js";

/** How fast time passes, and how often events occur. */
export interface OutagePace {
  /** Factor of real time while programs communicate. */
  readonly speed: number;
  /** Factor of real time while an outage passes. */
  readonly fast: number;
  readonly samplingSeconds: number;
  readonly flushSeconds: number;
  readonly scrapeSeconds: number;
  /** Scrape interval of the witness. */
  readonly witnessSeconds: number;
}

export interface OutageRigOptions {
  readonly pace: OutagePace;
  /** Number of masters besides the witness. */
  readonly masters?: number;
  /** Lines for the section `history` of the exporter. */
  readonly history?: string;
  /** Creates the data folder of the masters, if it is not an ordinary one. */
  readonly makeDataFolder?: (folder: string) => void;
}

/**
 * Scrapes reach the exporter through links on 127.0.0.1, the address from which its heartbeats
 * reach the masters.
 */
const EXPORTER_HOST = "127.0.0.2";
/** Heartbeats go to this address, which forwards them to the master. */
const HEARTBEAT_HOST = "127.0.0.3";
const KEEP_EVERY_MS = 30;
const SAMPLED = new Set(["memory", "cpu", "load", "network", "system"]);
const TOKEN = "a7".repeat(32);

/**
 * An exporter, masters, and one more master without an outage: the witness. All are real programs
 * in processes of their own, on one clock that the rig can speed up. Links between exporter and
 * masters can be cut.
 */
export class OutageRig {
  readonly folder = mkdtempSync(path.join(tmpdir(), "pihealth-outage-"));
  readonly pace: PaceFile;
  readonly masters: PacedMaster[] = [];
  readonly recorded: RecordedHistory;
  witness!: PacedMaster;
  private readonly bootZeros = new Map<string, number>();
  private readonly keeping: NodeJS.Timeout;
  private exporter: ChildProgram | undefined;
  private exporterLog = "";

  private constructor(
    private readonly options: OutageRigOptions,
    private readonly exporterPort: number,
  ) {
    this.pace = new PaceFile(path.join(this.folder, "pace.json"), options.pace.speed);
    this.recorded = new RecordedHistory(
      path.join(this.folder, "state/history"),
      path.join(this.folder, "kept"),
      this.bootZeros,
    );
    this.keeping = setInterval(() => this.recorded.keep(), KEEP_EVERY_MS);
    writeFileSync(path.join(this.folder, "token"), `${TOKEN}\n`);
  }

  /** Resolves when every master has scraped, has fetched the earlier history, and has no gap. */
  static async start(options: OutageRigOptions): Promise<OutageRig> {
    const rig = new OutageRig(options, await freePort(EXPORTER_HOST));
    try {
      await rig.open();
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  get nowMs(): number {
    return this.pace.nowMs();
  }

  /** The only master, in most rigs. */
  get master(): PacedMaster {
    const [master] = this.masters;
    assert.ok(master);
    return master;
  }

  /** @param afterEnd called when every program has exited, before its files are removed */
  async close(afterEnd: () => void = () => undefined): Promise<void> {
    clearInterval(this.keeping);
    const programs = [...this.masters, this.witness].filter(
      (one) => (one as unknown) !== undefined,
    );
    await Promise.all([this.exporter?.stop("SIGKILL"), ...programs.map((one) => one.close())]);
    afterEnd();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Lets this time of the rig pass. */
  async pass(seconds: number): Promise<void> {
    const { fast, speed } = this.options.pace;
    const untilMs = this.pace.hurry(seconds * 1000, { fast, speed });
    const restMs = (): number => untilMs - (performance.timeOrigin + performance.now());
    await waitFor("time", () => (restMs() <= 0 ? true : undefined), {
      withinMs: restMs() + 240_000,
    });
  }

  async killExporter(): Promise<number> {
    await this.exporter?.stop("SIGKILL");
    this.exporterLog += this.exporter?.text ?? "";
    return this.nowMs;
  }

  /** Switches on the exporter's machine: a new boot. */
  boot(): void {
    const bootId = `${"0".repeat(7)}${this.bootZeros.size}-0000-4000-8000-000000000000`;
    // The machine has been on for an hour, so the clock since boot is not near 0 by chance.
    const boot: RigBoot = {
      bootId,
      zeroMs: Math.round(this.nowMs) - (this.bootZeros.size === 0 ? 3_600_000 : 5000),
    };
    this.bootZeros.set(bootId, boot.zeroMs);
    writeFileSync(this.bootFile, JSON.stringify(boot));
  }

  startExporter(): void {
    const args = [
      path.join(this.folder, "pace.json"),
      this.bootFile,
      `--config=${this.folder}/exporter.yml`,
    ];
    this.exporter = ChildProgram.ofOurs("test/support/paced-exporter.js", args);
  }

  logs(): string {
    const masters = this.masters.map((master) => `${master.name}:\n${master.log}`);
    return [`exporter:\n${this.exporterLog}${this.exporter?.text}`, ...masters].join("\n");
  }

  /** Waits until every master has had a successful scrape that began after `sinceMs`. */
  async scraped(sinceMs: number): Promise<void> {
    for (const master of this.masters) await master.scraped(sinceMs, () => this.logs());
  }

  private get bootFile(): string {
    return path.join(this.folder, "boot.json");
  }

  private async open(): Promise<void> {
    const { masters = 1, pace, makeDataFolder = (folder) => mkdirSync(folder) } = this.options;
    const shared = {
      token: path.join(this.folder, "token"),
      paceFile: path.join(this.folder, "pace.json"),
      nowMs: () => this.nowMs,
    };
    for (let index = 0; index < masters; index++) {
      const name = `master${index + 1}`;
      makeDataFolder(path.join(this.folder, name));
      this.masters.push(
        await this.createMaster({
          ...shared,
          name,
          scrapeSeconds: pace.scrapeSeconds,
          isFilling: true,
        }),
      );
    }
    mkdirSync(path.join(this.folder, "witness"));
    this.witness = await this.createMaster({
      ...shared,
      name: "witness",
      scrapeSeconds: pace.witnessSeconds,
      isFilling: false,
    });
    this.writeExporterConfiguration();
    this.boot();
    this.startExporter();
    await this.sampledBeforeMasters();
    for (const master of [...this.masters, this.witness]) master.start();
    await this.scraped(this.nowMs);
    for (const master of this.masters)
      await master.settled({ fromMs: 0, untilMs: this.nowMs }, () => this.logs());
  }

  /**
   * Waits until the exporter has recorded some samplings, so the history always begins before the
   * first scrape and every master has a first gap to fill.
   */
  private async sampledBeforeMasters(): Promise<void> {
    const url = `http://${EXPORTER_HOST}:${this.exporterPort}/-/ready`;
    const describe = (): string => this.logs();
    const isReady = async (): Promise<true | undefined> =>
      (await fetch(url).catch(() => undefined))?.ok === true ? true : undefined;
    await waitFor("an exporter that has sampled", isReady, { withinMs: 60_000, describe });
    const untilMs = this.nowMs + 2000 * this.options.pace.samplingSeconds;
    const hasPassed = async (): Promise<true | undefined> =>
      this.nowMs >= untilMs ? true : undefined;
    await waitFor("two more samplings", hasPassed, { withinMs: 120_000, describe });
  }

  /** The witness scrapes the exporter directly. Other masters have a link in each direction. */
  private async createMaster(
    plan: Pick<MasterPlan, "token" | "paceFile" | "nowMs" | "name" | "scrapeSeconds" | "isFilling">,
  ): Promise<PacedMaster> {
    const folder = path.join(this.folder, plan.name);
    const port = await freePort();
    const exporter = { host: EXPORTER_HOST, port: this.exporterPort };
    if (!plan.isFilling)
      return new PacedMaster({ ...plan, folder, port, target: exporter, links: [] });
    // Heartbeats contain the exporter's own port, so its link must have the same port.
    const target = { host: `127.0.0.${10 + this.masters.length}`, port: this.exporterPort };
    const scrapes = new OutageLink(target, exporter);
    const heartbeats = new OutageLink(
      { host: HEARTBEAT_HOST, port },
      { host: "127.0.0.1", port },
      target.host,
    );
    const links = [scrapes, heartbeats];
    for (const link of links) await link.join();
    return new PacedMaster({ ...plan, folder, port, target, links });
  }

  private writeExporterConfiguration(): void {
    const { pace, history = "" } = this.options;
    // Deadlines count in the rig's time, so they must be longer than the time that is sped up.
    const collector = `{ interval: ${pace.samplingSeconds}s, deadline: 5m }`;
    const masters = this.masters.map(({ port }) => `http://${HEARTBEAT_HOST}:${port}`);
    writeFileSync(
      path.join(this.folder, "exporter.yml"),
      `
listen: { address: ${EXPORTER_HOST}, port: ${this.exporterPort} }
state: ${this.folder}/state
collectors:
${COLLECTORS.map(({ name }) => `  ${name}: ${SAMPLED.has(name) ? collector : "{ enabled: false }"}`).join("\n")}
alarms: { enabled: false }
history:
  samplings_per_flush: 4
  flush_interval: ${pace.flushSeconds}s
${history}
uplink:
  masters: ${JSON.stringify(masters)}
  token_file: ${this.folder}/token
  heartbeat_interval: ${Math.max(1, Math.round(pace.speed))}s
`,
    );
  }
}
