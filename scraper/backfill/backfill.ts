import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
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
import { BackfillCounters } from "./backfill-metrics.js";
import type { BackfillSettings } from "./backfill-settings.js";
import { Bandwidth } from "./bandwidth.js";
import { ClosedGaps } from "./closed-gaps.js";
import { DurableTimes } from "./durable-times.js";
import { EndpointFiller } from "./endpoint-filler.js";
import type { FilledGap, HostGap } from "./gap.js";
import type { StoredTarget } from "./gap-file.js";
import { GapStore } from "./gap-store.js";
import { LATEST_FLUSH_MS } from "./history-fill.js";
import { HistoryClient } from "./history-client.js";
import { StoredScrapes } from "./stored-scrapes.js";
import { TargetGaps } from "./target-gaps.js";
import { targetKey, type WatchedTarget } from "./watched-target.js";

const LOOK_EVERY_MS = 1000;
/** What was not all there is looked for again after this, then ever more slowly. */
const FIRST_RETRY_MS = 1000;
/** A Pi that answers flushes its history once a minute. */
const LAST_LOOK_MS = 20_000;
const LAST_RETRY_MS = 300_000;
/** A target that is scraped for so long without a heartbeat that tells of a history has none. */
const NO_HISTORY_AFTER_MS = 600_000;

export interface BackfillParts {
  readonly dataFolder: string;
  readonly querier: Querier;
  readonly writer: SampleWriter;
  readonly fleet: Pick<Fleet, "hostAt">;
  /** Where the lines for people go. */
  readonly hostLogs: Pick<HostLogs, "filledLog">;
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Logger;
  readonly sendHttp: SendHttp;
  /** Without one no history can be fetched; gaps are found all the same. */
  readonly token: string | undefined;
  readonly settings: BackfillSettings;
  /** Hears of every part of a gap that was filled. */
  readonly onGapsFilled?: (gaps: readonly FilledGap[]) => Promise<void>;
}

/** When an endpoint is tried next, how often it was tried, and how often in vain since it last was not. */
interface Patience {
  nextTryMs: number;
  tries: number;
  failures: number;
}

/**
 * Finds what is missing of each target, has it fetched from the Pi's own history, and says of the rest why it is
 * missing. Scrapes and heartbeats are told to it; the work is done by a loop of its own.
 */
export class Backfill {
  private readonly watched = new Map<string, WatchedTarget>();
  private readonly byId = new Map<string, WatchedTarget>();
  private readonly byEndpoint = new Map<string, WatchedTarget[]>();
  private readonly unknownStart = new Set<WatchedTarget>();
  private readonly patience = new Map<string, Patience>();
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
    this.store = new GapStore({
      dataFolder,
      files,
      clock,
      log,
      watchedOf: (host) => this.storedOf(host),
    });
    this.scrapes = new StoredScrapes(querier);
    this.durable = new DurableTimes({ clock, writer });
    if (token === undefined || !settings.enabled) return;
    const bandwidth = new Bandwidth(clock, settings.bytesPerSecond);
    const countBytes = (bytes: number): void => void (counters.bytes += bytes);
    this.client = new HistoryClient({ clock, sendHttp, bandwidth, token, countBytes });
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

  /** Reads what earlier runs left: before the first scrape. */
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

  /** The targets there are now. Those that left keep their gaps for when they return. */
  setTargets(targets: readonly Target[]): void {
    const before = new Map(this.watched);
    for (const known of [this.watched, this.byId, this.byEndpoint]) known.clear();
    for (const target of targets) {
      const key = targetKey(target);
      const known = before.get(key);
      before.delete(key);
      this.add(key, target, known);
    }
    for (const watched of before.values()) this.remove(watched);
  }

  /** Hears of every scrape. Cheap while all is well. */
  noteScrape({ id, host, settings }: Target, timestampMs: number, ok: boolean): void {
    const watched = this.byId.get(id);
    if (watched?.gaps.noteScrape(timestampMs, ok, settings.intervalMs) !== true) return;
    this.store.of(host).isDirty = true;
    this.endPatience(watched.target);
  }

  noteHeartbeat({ address, port, node }: KnownHost): void {
    const targets = this.byEndpoint.get(endpointOf({ address, port }));
    if (node === undefined || targets === undefined) return;
    const gaps = this.store.of(address);
    if (gaps.boots.learn(node, node.lastHeartbeatMs)) gaps.isDirty = true;
  }

  /** Samples of this exporter before this time, by its own clock, are durable here; 0 while that cannot be said. */
  durableUntilMs(address: string, port: number): number {
    const node = this.parts.fleet.hostAt(address, port)?.node;
    const targets = this.byEndpoint.get(endpointOf({ address, port })) ?? [];
    if (node === undefined || this.store.of(address).isDirty) return 0;
    return this.durable.of(targets, node.clockOffsetMs);
  }

  /** @param host all hosts when undefined */
  gaps(host?: string): HostGap[] {
    const watched = [...this.watched.values()].filter(
      ({ target }) => host === undefined || target.host === host,
    );
    return watched
      .flatMap((one) => this.gapsOf(one))
      .sort((left, right) => left.fromMs - right.fromMs);
  }

  metrics(): OwnMetric[] {
    let missingMs = 0;
    for (const { gaps } of this.watched.values()) {
      for (const { fromMs, untilMs } of gaps.missing) missingMs += untilMs - fromMs;
    }
    return this.counters.metrics(this.active.size, missingMs);
  }

  private add(key: string, target: Target, known: WatchedTarget | undefined): void {
    const watched = known ?? {
      target,
      gaps: new TargetGaps(this.store.takeDeparted(target.host, target.labels)),
      isNew: false,
      knownSinceMs: Number.NEGATIVE_INFINITY,
    };
    watched.target = target;
    if (known === undefined) this.unknownStart.add(watched);
    this.watched.set(key, watched);
    this.byId.set(target.id, watched);
    const endpoint = endpointOf({ address: target.host, port: target.port });
    const siblings = this.byEndpoint.get(endpoint);
    if (siblings === undefined) this.byEndpoint.set(endpoint, [watched]);
    else siblings.push(watched);
  }

  private remove(watched: WatchedTarget): void {
    this.unknownStart.delete(watched);
    const { target, gaps } = watched;
    const host = this.store.of(target.host);
    const sinceMs =
      gaps.missingSinceMs ?? (gaps.lastGoodMs === undefined ? undefined : gaps.lastGoodMs + 1);
    host.departed.set(target.labels.key, { ...storedForm(watched), ongoingFromMs: sinceMs });
    host.isDirty = true;
  }

  private storedOf(host: string): StoredTarget[] {
    return [...this.watched.values()].filter(({ target }) => target.host === host).map(storedForm);
  }

  private async run(): Promise<void> {
    const { clock } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.parts.log.error("Backfill did not finish a round", { error: messageOf(error) });
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined); // Stopped: the loop ends.
    }
  }

  private async look(): Promise<void> {
    for (const watched of [...this.unknownStart]) await this.findStart(watched);
    await this.store.saveAll();
    await this.durable.advance([...this.watched.values()]);
    this.startDue();
  }

  /** What was missing before the first scrape of this run. */
  private async findStart(watched: WatchedTarget): Promise<void> {
    const { target, gaps } = watched;
    if (gaps.firstOutcomeMs === undefined) return;
    const { clock, settings } = this.parts;
    const goods = await this.scrapes.take(target.labels, clock.wallMs() - settings.maxAgeMs);
    this.unknownStart.delete(watched);
    gaps.noteStart(goods, target.settings.intervalMs);
    watched.isNew = goods.length === 0 && gaps.missing.length === 0 && gaps.closed.length === 0;
    if (!gaps.isComplete) this.store.of(target.host).isDirty = true;
  }

  private startDue(): void {
    const { clock, settings, fleet } = this.parts;
    for (const [endpoint, targets] of this.byEndpoint) {
      const [first] = targets;
      if (first === undefined || this.active.has(endpoint)) continue;
      if (!targets.some(({ gaps, isNew }) => isNew || gaps.missing.length > 0)) continue;
      const node = fleet.hostAt(first.target.host, first.target.port)?.node;
      for (const watched of targets) this.giveUpOld(watched, node?.history !== undefined);
      if (this.filler === undefined || node?.history === undefined) continue;
      // A segment has the time of its first flush: what was flushed then is older.
      const historyFromMs = node.history.fromMs - node.clockOffsetMs - LATEST_FLUSH_MS;
      for (const watched of targets) this.wantAllOfNew(watched, historyFromMs, node.nodeId);
      if (this.active.size >= settings.concurrency) continue;
      const patience = this.patience.get(endpoint);
      if (patience !== undefined && patience.nextTryMs > clock.monotonicMs()) continue;
      const work = targets.filter(
        ({ gaps }) => gaps.missing.length > 0 && gaps.lastGoodMs !== undefined,
      );
      if (work.length > 0)
        this.active.set(endpoint, this.fill(this.filler, endpoint, work, node.nodeId));
    }
  }

  private async fill(
    filler: EndpointFiller,
    endpoint: string,
    targets: WatchedTarget[],
    nodeId: string,
  ): Promise<void> {
    const { log, clock } = this.parts;
    const [first] = targets as [WatchedTarget];
    const { boots } = this.store.of(first.target.host);
    const patience = this.patience.get(endpoint) ?? { nextTryMs: 0, tries: 0, failures: 0 };
    try {
      await filler.fill({ targets, nodeId, boots, signal: this.stopping.signal });
      patience.failures = 0;
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.counters.failures++;
      patience.failures++;
      if (patience.failures === 1)
        log.warn("History not fetched, it is tried again", { endpoint, error: messageOf(error) });
    } finally {
      this.active.delete(endpoint);
    }
    const isDone = targets.every(({ gaps }) => gaps.missing.length === 0);
    const longestMs = patience.failures > 0 ? LAST_RETRY_MS : LAST_LOOK_MS;
    patience.nextTryMs =
      clock.monotonicMs() + Math.min(longestMs, FIRST_RETRY_MS * 2 ** patience.tries++);
    if (isDone) this.patience.delete(endpoint);
    else this.patience.set(endpoint, patience);
  }

  /** Of a target never seen before, all its history is wanted: from where the same Pi was scraped last. */
  private wantAllOfNew(watched: WatchedTarget, historyFromMs: number, nodeId: string): void {
    const { gaps } = watched;
    if (!watched.isNew || gaps.firstGoodMs === undefined) return;
    const { clock, settings } = this.parts;
    const elsewhere = [...this.watched.values()].filter(
      (other) => other !== watched && other.gaps.nodeId === nodeId,
    );
    const seenMs = elsewhere.map((other) => other.gaps.lastGoodMs ?? 0);
    const fromMs = Math.ceil(
      Math.max(historyFromMs, clock.wallMs() - settings.maxAgeMs, ...seenMs),
    );
    watched.isNew = false;
    watched.knownSinceMs = gaps.firstGoodMs;
    if (fromMs < gaps.firstGoodMs)
      gaps.addMissing({ fromMs, untilMs: gaps.firstGoodMs, cause: "master_down" });
    this.store.of(watched.target.host).isDirty = true;
  }

  private giveUpOld(watched: WatchedTarget, hasHistory: boolean): void {
    const { target, gaps } = watched;
    const { clock, settings } = this.parts;
    const nowMs = clock.wallMs();
    // After a start, and while a Pi is away, nothing has been heard of its history either: it must have had the time.
    const answersSinceMs = gaps.firstGoodMs ?? nowMs;
    const isWithout = !hasHistory && answersSinceMs < nowMs - NO_HISTORY_AFTER_MS;
    const oldestMs = nowMs - (isWithout ? NO_HISTORY_AFTER_MS : settings.maxAgeMs);
    const ended = gaps.missing.filter(({ untilMs }) => untilMs < oldestMs);
    if (ended.length === 0) return;
    // Without a history nobody can say more than what was seen from here.
    const closed = new ClosedGaps(this.counters, this.parts.log);
    closed.add(watched, gaps.close(ended, "lost"));
    closed.report();
    this.store.of(target.host).isDirty = true;
  }

  private endPatience({ host, port }: Target): void {
    this.patience.delete(endpointOf({ address: host, port }));
  }

  private gapsOf({ target, gaps }: WatchedTarget): HostGap[] {
    const whose = {
      host: target.host,
      instance: target.labels.get("instance"),
      job: target.labels.get("job"),
    };
    const isFilling = this.active.has(endpointOf({ address: target.host, port: target.port }));
    const state = isFilling ? "filling" : "open";
    const sinceMs = gaps.missingSinceMs;
    return [
      ...gaps.closed.map((gap) => ({ ...whose, ...gap })),
      ...gaps.missing.map((range) => ({ ...whose, ...range, state }) as const),
      ...(sinceMs === undefined
        ? []
        : [
            {
              ...whose,
              fromMs: sinceMs,
              untilMs: undefined,
              cause: "link_down",
              state: "open",
            } as const,
          ]),
    ];
  }
}

function storedForm({ target, gaps }: WatchedTarget): StoredTarget {
  const { missing, closed, nodeId, missingSinceMs } = gaps;
  return {
    labels: target.labels.toObject(),
    nodeId,
    ongoingFromMs: missingSinceMs,
    missing,
    closed,
  };
}
