import type { Clock } from "../../exporter/shared/platform/clock.js";
import { LaneAgents } from "./lane-agents.js";
import { alignTimestamp } from "./scrape-schedule.js";
import type { ScrapedTarget } from "./scraped-target.js";
import type { TargetScraper } from "./target-scraper.js";
import { TargetTimer, type Tick } from "./target-timer.js";

export interface LaneParts {
  readonly clock: Clock;
  readonly scraper: TargetScraper;
  readonly maxInFlight: number;
  /** Called after each scrape, when the target may change its lane. */
  readonly onScraped: (target: ScrapedTarget) => void;
}

/** What the five pools and the slow lane have in common: targets, their timer, connections, counts. */
export abstract class ScrapeLane {
  readonly targets = new Set<ScrapedTarget>();
  inFlight = 0;
  scrapes = 0;
  failures = 0;
  missed = 0;
  lateSeconds = 0;
  private readonly timer: TargetTimer;
  private readonly agents = new LaneAgents();
  private readonly running = new Set<Promise<void>>();

  constructor(readonly id: number | "slow", protected readonly parts: LaneParts) {
    this.timer = new TargetTimer(parts.clock, (tick) => this.takeTick(tick));
  }

  start(): void {
    this.timer.start();
  }

  /** Resolves when no scrape is running; who stops must have told the targets to leave. */
  async stop(): Promise<void> {
    await this.timer.stop();
    await Promise.all(this.running);
    this.agents.close();
  }

  add(target: ScrapedTarget): void {
    target.pool = this.id;
    this.targets.add(target);
    this.timer.add(target);
  }

  /** @returns the time at which the target would have been scraped next, milliseconds since the Unix epoch */
  remove(target: ScrapedTarget): number | undefined {
    this.targets.delete(target);
    return this.timer.remove(target);
  }

  protected abstract onTick(tick: Tick): void;

  /**
   * Scrapes a target of this lane now; its `isBusy` is true already.
   *
   * @param onFree called when the scrape has ended and its place is free
   */
  protected run(tick: Tick, onFree: () => void): void {
    this.inFlight++;
    const scrape = this.scrape(tick).then(() => {
      this.running.delete(scrape);
      this.inFlight--;
      onFree();
    });
    this.running.add(scrape);
  }

  private takeTick(tick: Tick): void {
    this.missed += tick.missed;
    this.onTick(tick);
  }

  private async scrape({ target, nominalMs, dueMs }: Tick): Promise<void> {
    const { clock, scraper, onScraped } = this.parts;
    const { settings } = target.target;
    this.lateSeconds += Math.max(0, clock.monotonicMs() - dueMs) / 1000;
    const timestampMs = alignTimestamp(clock.wallMs(), nominalMs, settings.intervalMs);
    await scraper.scrape(target, timestampMs, this.agents.agentFor(settings.tls));
    target.isBusy = false;
    if (target.signal.aborted) return;
    this.scrapes++;
    if (target.health.health === "down") this.failures++;
    onScraped(target);
  }
}
