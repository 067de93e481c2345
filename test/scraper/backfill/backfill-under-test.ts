import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import { bitsOf, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import { createLogger, silentLogger } from "../../../exporter/shared/platform/logger.js";
import { Backfill } from "../../../scraper/backfill/backfill.js";
import type { KnownHost } from "../../../scraper/fleet/known-host.js";
import type { Target } from "../../../scraper/fleet/target.js";
import { HostLogs } from "../../../scraper/host-logs/host-logs.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import type { Storage } from "../../../scraper/storage/storage.js";
import type { FakeClock } from "../../support/fake-clock.js";
import type { MemoryFiles } from "../../support/memory-files.js";
import { settings, target as scrapeTarget } from "../scrape/scrape-fixture.js";
import { ALWAYS, openStorage, START_MS } from "../storage/storage-fixture.js";
import { DEFAULT_FILE_NAMES } from "../../../scraper/host-logs/host-log-settings.js";
import { SimulatedPi } from "./simulated-pi.js";

const INTERVAL_MS = 5000;
const SECONDS_PER_FLUSH = 60;

/** How the configuration names the Pi, and its address. */
interface Place {
  readonly host: string;
  readonly address: string;
}

/**
 * A scraper's storage and backfill beside one Pi, on a clock that stands still until it is moved.
 */
export class BackfillUnderTest {
  backfill!: Backfill;
  storage!: Storage;
  hostLogs!: HostLogs;
  /** Called after each good scrape. */
  onGoodScrape: () => void = () => undefined;
  /** Whether scrapes reach the Pi. */
  isLinked = true;
  isMasterUp = true;
  /** Addresses at which scrapes reach the Pi, and the address of its heartbeats. */
  answersAt: readonly string[];
  heardAt: string;
  /** Whether heartbeats arrive. */
  isHeard = true;
  /** Seconds. */
  private elapsed = 0;
  readonly target: Target;
  /** All that are scraped. */
  targets: readonly Target[];
  readonly pi: SimulatedPi;
  /** Lines of backfill's own log. */
  readonly logLines: string[] = [];

  private constructor(
    public files: MemoryFiles,
    readonly clock: FakeClock,
    private readonly place: Place,
  ) {
    this.pi = new SimulatedPi(clock);
    this.target = scrapeTarget(place.host, settings({ intervalMs: INTERVAL_MS }));
    this.targets = [this.target];
    this.answersAt = [place.host];
    this.heardAt = place.address;
  }

  static async start(
    place: Place = { host: "10.0.0.7", address: "10.0.0.7" },
  ): Promise<BackfillUnderTest> {
    const { files, clock, storage } = await openStorage();
    const bench = new BackfillUnderTest(files, clock, place);
    bench.storage = storage;
    await bench.open();
    return bench;
  }

  get nowMs(): number {
    return this.clock.wallMs();
  }

  /** The master ends without a chance to write anything more. */
  async kill(): Promise<void> {
    this.isMasterUp = false;
    const disk = this.files.afterPowerCut();
    await this.backfill.stop(); // What it still writes goes to a disk nobody reads any more.
    this.files = disk;
  }

  async restart(): Promise<void> {
    const { files, clock } = this;
    this.storage = (await openStorage(files, clock)).storage;
    await this.open();
  }

  /** Moves time in steps of a second: samplings, flushes, scrapes, heartbeats as they are due. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.elapsed++;
      if (this.elapsed % 5 === 2) this.pi.sample();
      if (this.elapsed % SECONDS_PER_FLUSH === 0 && this.pi.isOn) this.pi.flush();
      if (this.isMasterUp) await this.actAsMaster();
      await this.clock.advance(1000);
    }
  }

  /** Milliseconds of a heartbeat's reply. */
  get confirmedMs(): number {
    return this.backfill.durableUntilMs(this.target.host, this.target.port);
  }

  /** Without the one before the Pi was first scraped. */
  states(): string[] {
    const gaps = this.backfill.gaps().filter(({ fromMs }) => fromMs > START_MS + 30_000);
    return gaps.map(({ cause, state }) => `${state} ${cause}`);
  }

  /**
   * What is stored of the Pi's value, by time, staleness markers left out: scrapes here bring no
   * samples.
   */
  async stored({ labels } = this.target): Promise<Map<number, number>> {
    const matchers = [
      createLabelMatcher(METRIC_NAME, "=", "pihealth_value"),
      createLabelMatcher("instance", "=", labels.get("instance")),
    ];
    const tables = await this.storage.querier.select(matchers, ALWAYS);
    const samples = new Map<number, number>();
    for (const { timestamps, series } of tables) {
      for (const { values } of series) {
        const bits = bitsOf(values);
        timestamps.forEach((time, index) => {
          if (!isStaleAt(bits, index)) samples.set(time, values[index] as number);
        });
      }
    }
    return samples;
  }

  /** From now on this one is scraped as well. */
  watch(address: string): Target {
    const added = scrapeTarget(address, settings({ intervalMs: INTERVAL_MS }));
    this.targets = [...this.targets, added];
    this.backfill.setTargets(this.targets);
    return added;
  }

  /** From now on this one is not scraped. */
  leave(target: Target): void {
    this.targets = this.targets.filter((other) => other !== target);
    this.backfill.setTargets(this.targets);
  }

  durableOf(address: string): number {
    return this.backfill.durableUntilMs(address, this.target.port);
  }

  async storedSeries(): Promise<string[]> {
    return (await this.storage.querier.series([], ALWAYS))
      .map((labels) => labels.toString())
      .sort();
  }

  private async open(): Promise<void> {
    const { files, clock, storage, pi } = this;
    this.hostLogs = new HostLogs({
      folder: "/data",
      files,
      clock,
      log: silentLogger,
      settings: {
        isEnabled: true,
        linesPerWrite: 10,
        maxWaitMs: 600_000,
        maxFileBytes: 1_000_000,
        maxOldFiles: 10,
        fileNames: DEFAULT_FILE_NAMES,
      },
    });
    this.hostLogs.start();
    this.backfill = new Backfill({
      hostLogs: this.hostLogs,
      dataFolder: "/data",
      files,
      clock,
      log: createLogger({
        level: "info",
        wallMs: () => this.nowMs,
        write: (line) => this.logLines.push(line),
        journald: true,
      }),
      querier: storage.querier,
      writer: storage,
      fleet: {
        hostAt: (host) => this.knownHost(host === this.place.host ? this.place.address : host),
      },
      namesOf: (address) => (address === this.place.address ? [this.place.host] : []),
      sendHttp: async (request) => {
        if (!this.isLinked) throw new Error("cut");
        return pi.answer(request);
      },
      token: "secret",
      settings: { enabled: true, bytesPerSecond: 1e9, concurrency: 2, maxAgeMs: 8 * 86_400_000 },
    });
    await this.backfill.open();
    this.backfill.setTargets(this.targets);
    this.backfill.start();
    this.isMasterUp = true;
  }

  private async actAsMaster(): Promise<void> {
    if (this.elapsed % 5 === 0) {
      for (const target of this.targets) {
        const ok = this.isLinked && this.pi.isOn && this.answersAt.includes(target.host);
        this.writeUp(target, ok ? 1 : 0);
        this.backfill.noteScrape(target, this.nowMs, ok);
        if (ok) this.onGoodScrape();
      }
      await this.storage.commit().catch(() => undefined); // A full disk is one of the cases.
    }
    if (this.elapsed % 30 === 0 && this.isLinked && this.pi.isOn)
      this.backfill.noteHeartbeat(this.knownHost(this.heardAt));
  }

  private writeUp({ host, labels }: Target, value: number): void {
    const layout = this.storage.internLayout([Labels.of({ [METRIC_NAME]: "up" })]);
    const table = this.storage.openTable({ folder: `hosts/${host}`, labels });
    table.append(this.nowMs, layout, Float64Array.of(value));
  }

  private knownHost(address: string): KnownHost {
    const { pi, nowMs } = this;
    const node = {
      nodeId: pi.nodeId,
      hostname: "pi",
      bootId: pi.bootId,
      lastHeartbeatMs: nowMs,
      clockOffsetMs: pi.clockErrorMs,
      monotonicMs: pi.monotonicMs,
      history: { fromMs: 0, untilMs: pi.wallMs, sizeBytes: 1 },
    };
    const known = { address, port: 8732, firstSeenMs: 0, lastSeenMs: nowMs };
    return { ...known, node: this.isHeard && address === this.heardAt ? node : undefined };
  }
}
