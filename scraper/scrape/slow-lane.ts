import { ScrapeLane } from "./scrape-lane.js";
import type { Tick } from "./target-timer.js";

/**
 * Targets that failed several scrapes in a row. Each is scraped at every interval as in a pool, with
 * slots of its own: scrapes that last for the whole timeout delay no target that answers. Without a
 * free slot, scrapes wait in the order in which they became due.
 */
export class SlowLane extends ScrapeLane {
  private readonly waiting: Tick[] = [];

  protected override onTick(tick: Tick): void {
    if (tick.target.isBusy) {
      this.missed++;
      return;
    }
    tick.target.isBusy = true;
    this.waiting.push(tick);
    this.startWaiting();
  }

  private startWaiting(): void {
    while (this.inFlight < this.parts.maxInFlight) {
      const tick = this.waiting.shift();
      if (tick === undefined) return;
      // A target may be removed while it waits.
      if (this.targets.has(tick.target)) this.run(tick, () => this.startWaiting());
    }
  }
}
