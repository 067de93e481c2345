import type { Clock } from "../../exporter/shared/platform/clock.js";
import { LaneAgents } from "./lane-agents.js";
import { alignTimestamp } from "./scrape-schedule.js";
import type { ScrapedTarget } from "./scraped-target.js";
import type { TargetScraper } from "./target-scraper.js";
import type { TargetTimer, Tick } from "./target-timer.js";

export interface LaneParts {
  readonly clock: Clock;
  /** Calls `tick` of the lane that holds the target. */
  readonly timer: TargetTimer;
  readonly scraper: TargetScraper;
  readonly maxInFlight: number;
  /** Called after each scrape, when the target may move to another lane. */
  readonly reviewLane: (target: ScrapedTarget) => void;
}

/** Targets, connections and counts of a scrape pool or of the slow lane. */
export abstract class ScrapeLane {
  readonly targets = new Set<ScrapedTarget>();
  inFlight = 0;
  scrapes = 0;
  failures = 0;
  missed = 0;
  lateSeconds = 0;
  private readonly agents = new LaneAgents();
  private readonly running = new Set<Promise<void>>();

  constructor(
    readonly id: number | "slow",
    protected readonly parts: LaneParts,
  ) {}

  /**
   * Resolves when no scrape is running. The caller has stopped the timer and called `leave` of all
   * targets.
   */
  async stop(): Promise<void> {
    await Promise.all(this.running);
    this.agents.close();
  }

  add(target: ScrapedTarget): void {
    target.pool = this.id;
    this.targets.add(target);
    this.parts.timer.add(target);
  }

  /**
   * @returns the time of the next scrape that would have taken place, milliseconds since the Unix
   * epoch
   */
  remove(target: ScrapedTarget): number | undefined {
    this.targets.delete(target);
    return this.parts.timer.remove(target);
  }

  /** A scrape of a target of this lane is due. */
  tick(tick: Tick): void {
    this.missed += tick.missed;
    this.onTick(tick);
  }

  protected abstract onTick(tick: Tick): void;

  /**
   * Scrapes a target of this lane now. The caller has set `isBusy`.
   *
   * @param onFree called when the scrape has ended and its slot is free
   */
  protected run(tick: Tick, onFree: () => void): void {
    this.inFlight++;
    const scrape = this.scrape(tick, () => {
      this.running.delete(scrape);
      this.inFlight--;
      onFree();
    });
    this.running.add(scrape);
  }

  private async scrape({ target, nominalMs, dueMs }: Tick, onEnd: () => void): Promise<void> {
    const { clock, scraper, reviewLane } = this.parts;
    const { settings } = target.target;
    this.lateSeconds += Math.max(0, clock.monotonicMs() - dueMs) / 1000;
    const timestampMs = alignTimestamp(clock.wallMs(), nominalMs, settings.intervalMs);
    await scraper.scrape(target, timestampMs, this.agents.agentFor(settings.connection));
    target.isBusy = false;
    if (!target.signal.aborted) {
      this.scrapes++;
      if (target.health.health === "down") this.failures++;
      reviewLane(target);
    }
    onEnd();
  }
}
