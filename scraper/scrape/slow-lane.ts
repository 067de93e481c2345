import { ScrapeLane, type LaneParts } from "./scrape-lane.js";
import { alignTimestamp } from "./scrape-schedule.js";
import type { ScrapedTarget } from "./scraped-target.js";
import type { Tick } from "./target-timer.js";

interface SlowLaneParts extends LaneParts {
  /** Longest time between two probes of a target. */
  readonly maxProbeIntervalMs: number;
}

/**
 * Targets that have failed several scrapes in a row. At each interval their `up` goes on being written as 0, so their
 * alerts stay; they are asked ever more rarely, each time after twice the time before.
 */
export class SlowLane extends ScrapeLane {
  constructor(protected override readonly parts: SlowLaneParts) {
    super("slow", parts);
  }

  override add(target: ScrapedTarget): void {
    target.probeIntervalMs = target.target.settings.intervalMs;
    this.delayProbe(target);
    super.add(target);
  }

  protected override onTick(tick: Tick): void {
    const { target } = tick;
    const { clock, scraper } = this.parts;
    if (target.isBusy) {
      this.missed++;
      return;
    }
    // Without a free place the probe waits for the next interval: there is no queue to fill.
    if (clock.monotonicMs() >= target.nextProbeMs && this.inFlight < this.parts.maxInFlight) {
      target.isBusy = true;
      this.delayProbe(target);
      this.run(tick, () => undefined);
      return;
    }
    scraper.storeAbsence(
      target,
      alignTimestamp(clock.wallMs(), tick.nominalMs, target.target.settings.intervalMs),
    );
  }

  private delayProbe(target: ScrapedTarget): void {
    const { intervalMs } = target.target.settings;
    const bound = Math.max(intervalMs, this.parts.maxProbeIntervalMs);
    target.probeIntervalMs = Math.min(bound, target.probeIntervalMs * 2);
    target.nextProbeMs = this.parts.clock.monotonicMs() + target.probeIntervalMs - intervalMs / 2;
  }
}
