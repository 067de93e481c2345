import type { Clock } from "../../exporter/shared/platform/clock.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";
import { DueHeap } from "../base/due-heap.js";
import { alignTimestamp, MAX_TOLERANCE_MS, nextNominalMs, offsetOf } from "./scrape-schedule.js";
import type { ScrapedTarget, TickGroup } from "./scraped-target.js";

/** Timers may fire this early. */
const EARLY_MS = 1;

export interface Tick {
  readonly target: ScrapedTarget;
  /** Nominal time of the scrape, milliseconds since the Unix epoch. */
  readonly nominalMs: number;
  /** Monotonic time at which it was due. */
  readonly dueMs: number;
  /** Ticks that passed before this one while the event loop was blocked. */
  readonly missed: number;
}

/**
 * Emits a tick for each target once per interval, with one timer for all targets. Offsets lie on a
 * grid, so one wake-up serves several targets of a large fleet
 * (docs/decisions/0007-scrapes-share-wake-ups.md).
 *
 * Waiting uses the monotonic clock, so a step of the wall clock neither stops scrapes nor causes a
 * burst. Nominal times lie on a grid of the wall clock, to which the next tick after a step
 * returns.
 */
export class TargetTimer {
  private readonly heap = new DueHeap<TickGroup>();
  /** The newest group of each nominal time. */
  private readonly groups = new Map<number, TickGroup>();
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly clock: Clock,
    private readonly onTick: (tick: Tick) => void,
  ) {
    this.sleep = new WakeableSleep(clock, this.stopping.signal);
  }

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error("Target timer stopped"));
    await this.loop;
  }

  add(target: ScrapedTarget): void {
    const wallMs = this.clock.wallMs();
    const lastMs = target.health.lastScrapeMs ?? 0;
    // A scrape may start slightly before its nominal time. A target that changes lanes then must
    // not be scraped for it again.
    const afterMs = lastMs > wallMs && lastMs - wallMs < MAX_TOLERANCE_MS ? lastMs : wallMs;
    const { intervalMs } = target.target.settings;
    this.schedule(
      target,
      nextNominalMs(afterMs, offsetOf(target.target.id, intervalMs), intervalMs),
    );
    if (this.heap.first?.item === target.nextTick) this.sleep.wake();
  }

  /** @returns the nominal time of the next tick that would have taken place */
  remove(target: ScrapedTarget): number | undefined {
    const nominalMs = target.nextTick?.nominalMs;
    target.nextTick = undefined;
    return nominalMs;
  }

  private schedule(target: ScrapedTarget, nominalMs: number): void {
    const dueMs = this.clock.monotonicMs() + nominalMs - this.clock.wallMs();
    const known = this.groups.get(nominalMs);
    const isApart = known === undefined || Math.abs(known.dueMs - dueMs) > EARLY_MS;
    const group = isApart ? this.open(nominalMs, dueMs) : known;
    group.targets.push(target);
    target.nextTick = group;
  }

  private open(nominalMs: number, dueMs: number): TickGroup {
    const group = { nominalMs, dueMs, targets: [] };
    this.groups.set(nominalMs, group);
    this.heap.push(dueMs, group);
    return group;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.sleep.sleepUntil(this.heap.first?.atMs);
      if (!signal.aborted) this.fireDue();
    }
  }

  private fireDue(): void {
    const untilMs = this.clock.monotonicMs() + EARLY_MS;
    while (
      !this.stopping.signal.aborted &&
      (this.heap.first?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs
    ) {
      const group = this.heap.pop();
      if (group === undefined) continue;
      if (this.groups.get(group.nominalMs) === group) this.groups.delete(group.nominalMs);
      for (const target of group.targets) if (target.nextTick === group) this.fire(target, group);
    }
  }

  private fire(target: ScrapedTarget, { nominalMs, dueMs }: TickGroup): void {
    const {
      id,
      settings: { intervalMs },
    } = target.target;
    const lateMs = Math.max(0, this.clock.monotonicMs() - dueMs);
    const alignedMs = alignTimestamp(this.clock.wallMs(), nominalMs, intervalMs);
    const isOnTime = alignedMs === nominalMs;
    this.schedule(
      target,
      isOnTime
        ? nominalMs + intervalMs
        : nextNominalMs(alignedMs, offsetOf(id, intervalMs), intervalMs),
    );
    this.onTick({ target, nominalMs, dueMs, missed: Math.floor(lateMs / intervalMs) });
  }
}
