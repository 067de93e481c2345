import { ScrapeLane, type LaneParts } from "./scrape-lane.js";
import type { Tick } from "./target-timer.js";

/**
 * Share of the slots for targets whose last scrape failed. Each of their scrapes may last for the
 * whole timeout.
 */
const SUSPECT_SHARE = 0.5;

/**
 * One of the five pools: a lane with its own connections and its own bound on requests in flight,
 * so slow hosts in it delay no other pool. Targets whose last scrape succeeded go first and always
 * find free slots.
 */
export class ScrapePool extends ScrapeLane {
  private readonly maxSuspects: number;
  private suspectsInFlight = 0;
  private readonly waiting: Tick[] = [];
  private readonly waitingSuspects: Tick[] = [];

  constructor(id: number, parts: LaneParts) {
    super(id, parts);
    this.maxSuspects = Math.max(1, Math.floor(parts.maxInFlight * SUSPECT_SHARE));
  }

  get waitingCount(): number {
    return this.waiting.length + this.waitingSuspects.length;
  }

  protected override onTick(tick: Tick): void {
    if (tick.target.isBusy) {
      this.missed++;
      return;
    }
    tick.target.isBusy = true;
    if (tick.target.consecutiveFailures > 0) this.waitingSuspects.push(tick);
    else this.waiting.push(tick);
    this.startWaiting();
  }

  private startWaiting(): void {
    while (this.inFlight < this.parts.maxInFlight) {
      const tick = this.waiting.shift();
      if (tick === undefined) break;
      if (this.isHere(tick)) this.run(tick, () => this.startWaiting());
    }
    while (this.inFlight < this.parts.maxInFlight && this.suspectsInFlight < this.maxSuspects) {
      const tick = this.waitingSuspects.shift();
      if (tick === undefined) break;
      if (this.isHere(tick)) this.runSuspect(tick);
    }
  }

  private runSuspect(tick: Tick): void {
    this.suspectsInFlight++;
    this.run(tick, () => {
      this.suspectsInFlight--;
      this.startWaiting();
    });
  }

  /** A target may be removed while it waits. */
  private isHere({ target }: Tick): boolean {
    return this.targets.has(target);
  }
}
