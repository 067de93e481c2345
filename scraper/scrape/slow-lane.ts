import { ScrapeLane, type LaneParts } from "./scrape-lane.js";
import { alignTimestamp } from "./scrape-schedule.js";
import type { ScrapedTarget } from "./scraped-target.js";
import type { Tick } from "./target-timer.js";

interface SlowLaneParts extends LaneParts {
  /** Longest time between two probes of a target. */
  readonly maxProbeIntervalMs: number;
}

/**
 * Targets that failed several scrapes in a row. `up` is written as 0 at each interval, so their
 * alerts stay. The time between probes doubles with each failure, up to a maximum.
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
    // Without a free slot, the probe waits for the next interval, so no queue forms.
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
