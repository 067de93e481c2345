import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { Fleet } from "../fleet/fleet.js";
import { endpointOf, type KnownHost } from "../fleet/known-host.js";
import type { Target } from "../fleet/target.js";
import type { HostLogs } from "../host-logs/host-logs.js";
import type { Querier } from "../storage/model/querier.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { BACKFILL_METRICS, BackfillCounters } from "./backfill-metrics.js";
import type { BackfillSettings } from "./backfill-settings.js";
import { Bandwidth } from "./bandwidth.js";
import { ClosedGaps } from "./closed-gaps.js";
import { DurableTimes } from "./durable-times.js";
import { EndpointFiller } from "./endpoint-filler.js";
import type { FilledGap, HostGap } from "./gap.js";
import { GapStore } from "./gap-store.js";
import { HistoryClient, HistoryError } from "./history-client.js";
import { type FillOrder, LATEST_FLUSH_MS } from "./history-fill.js";
import { RetrySchedule } from "./retry-schedule.js";
import { StoredScrapes } from "./stored-scrapes.js";
import { TargetGaps } from "./target-gaps.js";
import {
  endpointOfTarget,
  listGaps,
  storedFormOf,
  type WatchedTarget,
  WatchedTargets,
} from "./watched-targets.js";

const LOOK_EVERY_MS = 1000;
/** Pause after a history that would take hours to decode. */
const ASIDE_MS = 3_600_000;
/** A target that is scraped for this long without a heartbeat that announces a history has none. */
const NO_HISTORY_AFTER_MS = 600_000;

export interface BackfillParts {
  readonly dataFolder: string;
  readonly querier: Querier;
  readonly writer: SampleWriter;
  /** Finds an exporter by its address, or by a name that the configuration has for it. */
  readonly fleet: Pick<Fleet, "hostAt">;
  /** Names that the configuration has for an IP address. */
  readonly namesOf?: (address: string) => Iterable<string>;
  /** Receives the log lines of the filled ranges. */
  readonly hostLogs: Pick<HostLogs, "filledLog">;
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Logger;
  readonly sendHttp: SendHttp;
  /** Without a token, gaps are found but no history is fetched. */
  readonly token: string | undefined;
  readonly settings: BackfillSettings;
  /** Largest segment of a history that is fetched; each running fill holds one in memory. */
  readonly maxSegmentBytes?: number | undefined;
  /** Called with every range that was filled. */
  readonly onGapsFilled?: (gaps: readonly FilledGap[]) => Promise<void>;
}

/**
 * Finds the missing samples of each target, fetches them from the Pi's own history, and closes the
 * ranges that cannot be filled as lost, with the cause.
 *
 * Scrapes and heartbeats come in by calls; gaps go out as `gaps()`, `durableUntilMs()` and the file
 * gaps.json. One loop looks once a second for gaps and starts fills, of which a few run at the same
 * time.
 */
export class Backfill implements MetricsSource {
  readonly metrics = Object.values(BACKFILL_METRICS);
  private readonly watched = new WatchedTargets();
  /** Targets whose gaps before this run are not known yet. */
  private readonly unknownStart = new Set<WatchedTarget>();
  private readonly retries: RetrySchedule;
  /** Fills that run, by endpoint. */
  private readonly active = new Map<string, Promise<void>>();
  private readonly counters = new BackfillCounters();
  private readonly store: GapStore;
  private readonly scrapes: StoredScrapes;
  private readonly durable: DurableTimes;
  private readonly client: HistoryClient | undefined;
  private readonly filler: EndpointFiller | undefined;
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly parts: BackfillParts) {
    const { clock, files, log, dataFolder, querier, writer, sendHttp, hostLogs, token, settings } =
      parts;
    const { counters } = this;
    this.retries = new RetrySchedule(clock);
    this.store = new GapStore({
      dataFolder,
      files,
      clock,
      log,
      watchedOf: (host) => this.watched.ofHost(host).map(storedFormOf),
    });
    this.scrapes = new StoredScrapes(querier);
    this.durable = new DurableTimes({ clock, writer });
    if (token === undefined || !settings.enabled) return;
    const bandwidth = new Bandwidth(clock, settings.bytesPerSecond);
    const countBytes = (bytes: number): void => void (counters.bytes += bytes);
    const { maxSegmentBytes } = parts;
    this.client = new HistoryClient({
      clock,
      sendHttp,
      bandwidth,
      token,
      countBytes,
      maxSegmentBytes,
    });
    const saveGaps = (host: string): Promise<void> => {
      this.store.of(host).isDirty = true;
      return this.store.save(host);
    };
    const { onGapsFilled } = parts;
    this.filler = new EndpointFiller({
      client: this.client,
      querier,
      writer,
      clock,
      log,
      counters,
      hostLogs,
      saveGaps,
      onGapsFilled,
    });
  }

  /** Reads the gaps of earlier runs. To be called before the first scrape. */
  async open(): Promise<void> {
    await this.store.load();
    await this.scrapes.load(this.parts.clock.wallMs());
  }

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error("Backfill stopped"));
    await this.loop;
    await Promise.all(this.active.values());
    this.client?.close();
    await this.store.saveAll();
  }

  /** Replaces the targets. The gaps of targets that left are kept for their return. */
  setTargets(targets: readonly Target[]): void {
    const { added, removed } = this.watched.replace(targets, (target) => this.watch(target));
    for (const watched of added) this.unknownStart.add(watched);
    for (const watched of removed) this.unwatch(watched);
  }

  /** To be called after every scrape. Cheap while scrapes succeed. */
  noteScrape({ id, host, settings }: Target, timestampMs: number, ok: boolean): void {
    const watched = this.watched.withId(id);
    if (watched?.gaps.noteScrape(timestampMs, ok, settings.intervalMs) !== true) return;
    this.store.of(host).isDirty = true;
    this.retries.reset(endpointOfTarget(watched.target));
  }

  noteHeartbeat({ address, port, node }: KnownHost): void {
    const targets = this.targetsAt(address, port);
    const [first] = targets;
    if (node === undefined || first === undefined) return;
    const host = this.store.of(first.target.host);
    if (host.boots.learn(node, node.lastHeartbeatMs)) host.isDirty = true;
    for (const { gaps } of targets) {
      // With gaps, the fill decides what another node id means for them.
      if (gaps.nodeId === node.nodeId || !gaps.isComplete) continue;
      gaps.nodeId = node.nodeId;
      host.isDirty = true;
    }
  }

  /** The targets of the exporter that sends heartbeats from this address. */
  private targetsAt(address: string, port: number): readonly WatchedTarget[] {
    const names = this.parts.namesOf?.(address) ?? [];
    return [address, ...names].flatMap(
      (host) => this.watched.at(endpointOf({ address: host, port })) ?? [],
    );
  }

  /**
   * Samples of this exporter before this time, by its own clock, are durable here; 0 while that is
   * not known.
   */
  durableUntilMs(address: string, port: number): number {
    const node = this.parts.fleet.hostAt(address, port)?.node;
    const targets = this.targetsAt(address, port);
    const isUnsaved = targets.some(({ target }) => this.store.of(target.host).isDirty);
    if (node === undefined || isUnsaved) return 0;
    return this.durable.of(targets, node.clockOffsetMs);
  }

  /**
   * The gaps of all targets, oldest first.
   *
   * @param host all hosts when undefined
   */
  gaps(host?: string): HostGap[] {
    const watched = host === undefined ? [...this.watched.all()] : this.watched.ofHost(host);
    return watched
      .flatMap((one) => listGaps(one, this.active.has(endpointOfTarget(one.target))))
      .sort((left, right) => left.fromMs - right.fromMs);
  }

  readMetrics(): Sample[] {
    let missingMs = 0;
    for (const { gaps } of this.watched.all()) {
      for (const { fromMs, untilMs } of gaps.missing) missingMs += untilMs - fromMs;
    }
    return this.counters.toSamples(this.active.size, missingMs);
  }

  private watch(target: Target): WatchedTarget {
    return {
      target,
      gaps: new TargetGaps(this.store.takeDeparted(target.host, target.labels)),
      isNew: false,
      knownSinceMs: Number.NEGATIVE_INFINITY,
    };
  }

  private unwatch(watched: WatchedTarget): void {
    this.unknownStart.delete(watched);
    const { target, gaps } = watched;
    const host = this.store.of(target.host);
    const sinceMs =
      gaps.missingSinceMs ?? (gaps.lastGoodMs === undefined ? undefined : gaps.lastGoodMs + 1);
    host.departed.set(target.labels.key, { ...storedFormOf(watched), ongoingFromMs: sinceMs });
    host.isDirty = true;
  }

  private async run(): Promise<void> {
    const { clock } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.parts.log.error("Cannot finish a round of backfill", { error: messageOf(error) });
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined); // Stopped: the loop ends.
    }
  }

  private async look(): Promise<void> {
    for (const watched of [...this.unknownStart]) await this.findStart(watched);
    await this.store.saveAll();
    await this.durable.advance([...this.watched.all()]);
    await this.startDue();
  }

  /** Finds the gaps before the first scrape of this run. */
  private async findStart(watched: WatchedTarget): Promise<void> {
    const { target, gaps } = watched;
    if (gaps.firstOutcomeMs === undefined) return;
    const { clock, settings } = this.parts;
    const goods = await this.scrapes.take(target.labels, clock.wallMs() - settings.maxAgeMs);
    this.unknownStart.delete(watched);
    gaps.noteStart(goods, target.settings.intervalMs);
    // While the Pi was known at another address, nothing was missing here.
    const awayUntilMs =
      gaps.nodeId === undefined ? undefined : await this.lastSeenElsewhere(watched, gaps.nodeId);
    if (awayUntilMs !== undefined)
      gaps.forget([{ fromMs: Number.NEGATIVE_INFINITY, untilMs: awayUntilMs + 1 }]);
    watched.isNew = goods.length === 0 && gaps.missing.length === 0 && gaps.closed.length === 0;
    if (!gaps.isComplete) this.store.of(target.host).isDirty = true;
  }

  /**
   * Time of the last scrape of this Pi at an address that it has left; undefined if there is none.
   */
  private async lastSeenElsewhere(
    { target }: WatchedTarget,
    nodeId: string,
  ): Promise<number | undefined> {
    const oldestMs = this.parts.clock.wallMs() - this.parts.settings.maxAgeMs;
    let lastMs: number | undefined;
    for (const departed of this.store.departedOf(nodeId, target.host)) {
      for (const { labels, ongoingFromMs } of departed.values()) {
        const seenMs =
          ongoingFromMs === undefined
            ? await this.scrapes.newest(Labels.of(labels), oldestMs)
            : ongoingFromMs - 1;
        if (seenMs !== undefined) lastMs = Math.max(lastMs ?? seenMs, seenMs);
      }
    }
    return lastMs;
  }

  private async startDue(): Promise<void> {
    const { fleet } = this.parts;
    // An endpoint that failed waits for the others.
    const endpoints = [...this.watched.endpoints()].sort(
      ([left], [right]) => this.retries.failuresOf(left) - this.retries.failuresOf(right),
    );
    for (const [endpoint, targets] of endpoints) {
      const [first] = targets;
      if (first === undefined || this.active.has(endpoint)) continue;
      if (!targets.some(({ gaps, isNew }) => isNew || gaps.missing.length > 0)) continue;
      const node = fleet.hostAt(first.target.host, first.target.port)?.node;
      for (const watched of targets) this.giveUpOld(watched, node?.history !== undefined);
      if (this.filler === undefined || node?.history === undefined) continue;
      // A segment is named after its first flush: the samples of that flush are older.
      const historyFromMs = node.history.fromMs - node.clockOffsetMs - LATEST_FLUSH_MS;
      for (const watched of targets) await this.wantAllOfNew(watched, historyFromMs, node.nodeId);
      if (!this.retries.isDue(endpoint) || !this.hasSlotFor(endpoint, first.target.host)) continue;
      const incomplete = targets.filter(
        ({ gaps }) => gaps.missing.length > 0 && gaps.lastGoodMs !== undefined,
      );
      if (incomplete.length === 0) continue;
      const { boots } = this.store.of(first.target.host);
      const { signal } = this.stopping;
      const order = { targets: incomplete, nodeId: node.nodeId, boots, signal };
      this.active.set(endpoint, this.fill(this.filler, endpoint, order));
    }
  }

  /** Neither one address nor the endpoints that failed the last time may take the last slot. */
  private hasSlotFor(endpoint: string, host: string): boolean {
    const { concurrency } = this.parts.settings;
    if (this.active.size >= concurrency) return false;
    if (concurrency === 1 || this.active.size < concurrency - 1) return true;
    if (this.retries.failuresOf(endpoint) > 0 && this.active.size > 0) return false;
    const prefix = endpointOf({ address: host, port: 0 }).slice(0, -1);
    return ![...this.active.keys()].some((one) => one.startsWith(prefix));
  }

  private async fill(filler: EndpointFiller, endpoint: string, order: FillOrder): Promise<void> {
    try {
      await filler.fill(order);
      this.retries.noteAttempt(endpoint, true);
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.counters.failures++;
      const failures = this.retries.noteAttempt(endpoint, false);
      if (error instanceof HistoryError && error.code === "bomb") {
        this.retries.putAside(endpoint, ASIDE_MS);
        const details = { endpoint, hours: ASIDE_MS / 3_600_000, error: messageOf(error) };
        this.parts.log.warn("History put aside", details);
        return;
      }
      if (failures === 1) {
        const details = { endpoint, error: messageOf(error) };
        this.parts.log.warn("Cannot fetch history, it is tried again", details);
      }
    } finally {
      this.active.delete(endpoint);
    }
    if (order.targets.every(({ gaps }) => gaps.missing.length === 0)) this.retries.reset(endpoint);
  }

  /**
   * A new target misses its whole history, from the last scrape of the same Pi at another address
   * on. What was still missing there is fetched here.
   */
  private async wantAllOfNew(
    watched: WatchedTarget,
    historyFromMs: number,
    nodeId: string,
  ): Promise<void> {
    const { gaps } = watched;
    if (!watched.isNew || gaps.firstGoodMs === undefined) return;
    const { clock, settings } = this.parts;
    const elsewhere = [...this.watched.all()].filter(
      (other) => other !== watched && other.gaps.nodeId === nodeId,
    );
    const seenMs = elsewhere.map((other) => other.gaps.lastGoodMs ?? 0);
    seenMs.push((await this.lastSeenElsewhere(watched, nodeId)) ?? 0);
    const fromMs = Math.ceil(
      Math.max(historyFromMs, clock.wallMs() - settings.maxAgeMs, ...seenMs),
    );
    watched.isNew = false;
    watched.knownSinceMs = gaps.firstGoodMs;
    if (fromMs < gaps.firstGoodMs)
      gaps.addMissing({ fromMs, untilMs: gaps.firstGoodMs, cause: "master_down" });
    for (const departed of this.store.departedOf(nodeId, watched.target.host)) {
      for (const { missing } of departed.values()) {
        for (const range of missing) if (range.untilMs <= fromMs) gaps.addMissing(range);
      }
    }
    this.store.clearMissingOf(nodeId, watched.target.host);
    this.store.of(watched.target.host).isDirty = true;
  }

  private giveUpOld(watched: WatchedTarget, hasHistory: boolean): void {
    const { target, gaps } = watched;
    const { clock, settings } = this.parts;
    const nowMs = clock.wallMs();
    // A Pi that was away or a master that has just started needs time until a heartbeat announces
    // the history.
    const answersSinceMs = gaps.firstGoodMs ?? nowMs;
    const hasNone = !hasHistory && answersSinceMs < nowMs - NO_HISTORY_AFTER_MS;
    const oldestMs = nowMs - (hasNone ? NO_HISTORY_AFTER_MS : settings.maxAgeMs);
    const ended = gaps.missing.filter(({ untilMs }) => untilMs < oldestMs);
    if (ended.length === 0) return;
    // Without a history the cause seen by the scraper is all that is known.
    const closed = new ClosedGaps(this.counters, this.parts.log);
    closed.add(watched, gaps.close(ended, "lost"));
    closed.report();
    this.store.of(target.host).isDirty = true;
  }
}
