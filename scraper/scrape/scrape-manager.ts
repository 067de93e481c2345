import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import type { MetricMetadata } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { Target, TargetHealth } from "../fleet/target.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { BodyChunkCache } from "./body-chunk-cache.js";
import { BodyPlanCache } from "./body-plan.js";
import { BodyReader } from "./body-reader.js";
import { Departures } from "./departures.js";
import { RowBuffer } from "./row-buffer.js";
import { ScrapeCounters } from "./scrape-counters.js";
import { LargeBodies } from "./large-bodies.js";
import type { ScrapeLane } from "./scrape-lane.js";
import { SCRAPE_METRICS, scrapeSamples } from "./scrape-metrics.js";
import { ScrapeHeaders } from "./scrape-request.js";
import { ScrapePool } from "./scrape-pool.js";
import { ScrapedTarget } from "./scraped-target.js";
import { SeriesContexts } from "./series-context.js";
import { SlowLane } from "./slow-lane.js";
import type { PausePoints } from "../base/paced-sort.js";
import { metadataOf, metadataOfAll } from "./target-metadata.js";
import { TargetRows } from "./target-rows.js";
import { TargetScraper, type ScrapeOutcome } from "./target-scraper.js";
import { TargetTimer } from "./target-timer.js";

export interface PoolSettings {
  /** Scrape pools, 1 to 64. */
  readonly count: number;
  /** Most requests in flight in one pool. */
  readonly maxInFlight: number;
  /** Most requests in flight in the slow lane, whose targets often need the whole timeout. */
  readonly maxSlowInFlight: number;
  /** Consecutive failed scrapes after which a target moves to the slow lane. */
  readonly failuresToSlowLane: number;
}

export const DEFAULT_POOL_SETTINGS: PoolSettings = Object.freeze({
  count: 5,
  maxInFlight: 256,
  maxSlowInFlight: 4096,
  failuresToSlowLane: 3,
});

export interface ScrapeManagerParts {
  readonly writer: SampleWriter;
  readonly clock: Clock;
  readonly sendHttp: SendHttp;
  readonly log: Logger;
  readonly pools: PoolSettings;
  /** A body from this size on is read and stored in slices; LARGE_BODY_BYTES by default. */
  readonly largeBodyBytes?: number;
  /** For the User-Agent header. */
  readonly version: string;
  /**
   * Called after each scrape, when its row is written. The callee must copy the `values` it keeps.
   */
  readonly onScrapeStored?: (target: Target, outcome: ScrapeOutcome) => void;
}

/**
 * Scrapes targets: distributes them over the pools, moves failing targets to the slow lane, ends
 * the series of removed targets.
 *
 * Discovery calls `sync` with the targets. One timer starts the scrapes of all lanes
 * (`TargetTimer`), each row goes to the table of its target, and `onScrapeStored` passes the result on.
 */
export class ScrapeManager implements MetricsSource {
  readonly metrics = Object.values(SCRAPE_METRICS);
  private readonly watched = new Map<string, ScrapedTarget>();
  private readonly pools: readonly ScrapePool[];
  private readonly slowLane: SlowLane;
  private readonly lanes: readonly ScrapeLane[];
  private readonly departures: Departures;
  private readonly timer: TargetTimer;
  private readonly contexts = new SeriesContexts();
  private readonly counters = new ScrapeCounters();
  private readonly row = new RowBuffer();

  constructor(private readonly parts: ScrapeManagerParts) {
    const { clock, pools } = parts;
    const scraper = this.createScraper();
    this.timer = new TargetTimer(clock, (tick) => this.laneOf(tick.target).tick(tick));
    const reviewLane = (target: ScrapedTarget): void => this.reviewLane(target);
    const lane = { clock, timer: this.timer, scraper, reviewLane, maxInFlight: pools.maxInFlight };
    this.pools = Array.from({ length: pools.count }, (_, id) => new ScrapePool(id, lane));
    this.slowLane = new SlowLane("slow", { ...lane, maxInFlight: pools.maxSlowInFlight });
    this.lanes = [...this.pools, this.slowLane];
    this.departures = new Departures(clock);
  }

  start(): void {
    this.timer.start();
    this.departures.start();
  }

  /**
   * Aborts requests in flight without storing a result. No series ends: they continue after a
   * restart.
   */
  async stop(): Promise<void> {
    for (const target of this.watched.values()) target.leave();
    await this.timer.stop();
    await Promise.all([...this.lanes.map((lane) => lane.stop()), this.departures.stop()]);
  }

  /** Sets the list of targets. A duplicate is refused and counted. */
  sync(targets: readonly Target[]): void {
    const wanted = new Map<string, Target>();
    for (const target of targets) {
      if (wanted.has(target.id)) this.counters.duplicateTargets++;
      else wanted.set(target.id, target);
    }
    for (const [id, target] of this.watched) if (!wanted.has(id)) this.remove(target);
    for (const [id, target] of wanted) {
      const known = this.watched.get(id);
      if (known === undefined) this.add(target);
      else if (known.target !== target) this.update(known, target);
    }
  }

  health(targetId: string): TargetHealth | undefined {
    const target = this.watched.get(targetId);
    return target === undefined ? undefined : { ...target.health, pool: target.pool };
  }

  /** Undefined when the target is unknown. */
  poolOf(targetId: string): number | "slow" | undefined {
    return this.watched.get(targetId)?.pool;
  }

  targets(): Target[] {
    return [...this.watched.values()].map(({ target }) => target);
  }

  /** Metadata from the last valid body of a target, and from the readable part of a later one. */
  targetMetadata(targetId: string): MetricMetadata[] {
    const target = this.watched.get(targetId);
    return target === undefined ? [] : metadataOf(partsWithMetadata(target));
  }

  /** Every distinct entry of all targets, by metric. */
  metadata(pace: PausePoints): Promise<Map<string, MetricMetadata[]>> {
    const bodies = Array.from(this.watched.values(), partsWithMetadata);
    return metadataOfAll(bodies, pace);
  }

  readMetrics(): Sample[] {
    return scrapeSamples(this.lanes, this.counters);
  }

  private createScraper(): TargetScraper {
    const { writer, clock, sendHttp, log, version, largeBodyBytes, onScrapeStored } = this.parts;
    const chunks = new BodyChunkCache();
    return new TargetScraper({
      clock,
      sendHttp,
      log,
      headers: new ScrapeHeaders(`pihealth/${version}`),
      reader: new BodyReader(chunks, this.row),
      row: this.row,
      largeBodies: new LargeBodies(clock, chunks, largeBodyBytes),
      writer,
      plans: new BodyPlanCache(writer),
      counters: this.counters,
      onScrapeStored: onScrapeStored ?? (() => undefined),
    });
  }

  private add(target: Target): void {
    const key = { folder: `hosts/${target.host}`, labels: target.labels };
    const known = this.departures.takeBack(tableKeyOf(target));
    const rows = known ?? new TargetRows({ writer: this.parts.writer, key, row: this.row });
    const scraped = new ScrapedTarget(target, this.contexts.of(target), rows);
    this.watched.set(target.id, scraped);
    this.shortestPool().add(scraped);
  }

  private remove(scraped: ScrapedTarget): void {
    const { target, rows } = scraped;
    this.watched.delete(target.id);
    scraped.leave();
    const nominalMs = this.laneOf(scraped).remove(scraped) ?? this.parts.clock.wallMs();
    this.departures.add({ tableKey: tableKeyOf(target), rows, nominalMs });
  }

  /** The target has other settings or discovered labels. It keeps its pool and its series. */
  private update(scraped: ScrapedTarget, target: Target): void {
    const { settings } = scraped.target;
    scraped.target = target;
    // Labels are part of the id, so only other settings can require another context.
    if (settings !== target.settings) scraped.context = this.contexts.of(target);
    if (settings.intervalMs !== target.settings.intervalMs)
      this.move(scraped, this.laneOf(scraped));
  }

  private reviewLane(target: ScrapedTarget): void {
    if (target.pool === "slow") {
      if (target.health.health === "up") this.move(target, this.shortestPool());
    } else if (target.consecutiveFailures >= this.parts.pools.failuresToSlowLane) {
      this.move(target, this.slowLane);
    }
  }

  private move(target: ScrapedTarget, lane: ScrapeLane): void {
    this.laneOf(target).remove(target);
    lane.add(target);
  }

  private laneOf({ pool }: ScrapedTarget): ScrapeLane {
    return pool === "slow" ? this.slowLane : itemAt(this.pools, pool);
  }

  private shortestPool(): ScrapePool {
    return this.pools.reduce((shortest, pool) =>
      pool.targets.size < shortest.targets.size ? pool : shortest,
    );
  }
}

/** Targets with equal keys write the same series. */
function tableKeyOf({ host, labels }: Target): string {
  return `${host} ${labels.key}`;
}

function partsWithMetadata({
  rows: { chunks },
  failedMetadata: metadata,
}: ScrapedTarget): readonly { readonly metadata: readonly MetricMetadata[] }[] {
  return metadata.length === 0 ? chunks : [...chunks, { metadata }];
}
