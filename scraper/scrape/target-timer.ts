import type { Clock } from "../../exporter/shared/platform/clock.js";
import { DueHeap } from "./due-heap.js";
import { alignTimestamp, MAX_TOLERANCE_MS, nextNominalMs, offsetOf } from "./scrape-schedule.js";
import type { ScrapedTarget } from "./scraped-target.js";

/** Timers may fire this much early. */
const EARLY_MS = 1;
const IDLE_MS = 3_600_000;

export interface Tick {
  readonly target: ScrapedTarget;
  /** Nominal time of the scrape, milliseconds since the Unix epoch. */
  readonly nominalMs: number;
  /** Monotonic time at which it was due. */
  readonly dueMs: number;
  /** Ticks before this one that an event loop stall swallowed. */
  readonly missed: number;
}

interface Entry {
  readonly target: ScrapedTarget;
  readonly nominalMs: number;
  readonly dueMs: number;
}

/**
 * Calls for each of its targets once per interval, with one timer for all of them.
 *
 * Waiting is done on the monotonic clock, so a step of the wall clock neither stops scrapes nor makes a burst of them;
 * nominal times lie on a grid of the wall clock, to which the next tick after a step returns.
 */
export class TargetTimer {
  private readonly heap = new DueHeap<Entry>();
  private readonly current = new Map<ScrapedTarget, Entry>();
  private interrupt = new AbortController();
  private isStopped = false;
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly clock: Clock, private readonly onTick: (tick: Tick) => void) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.interrupt.abort();
    await this.loop;
  }

  add(target: ScrapedTarget): void {
    const wallMs = this.clock.wallMs();
    const lastMs = target.health.lastScrapeMs ?? 0;
    // A scrape may start a little before its nominal time; a target that changes lanes then must not repeat it.
    this.schedule(target, lastMs > wallMs && lastMs - wallMs < MAX_TOLERANCE_MS ? lastMs : wallMs);
    if (this.heap.first?.item.target === target) this.interrupt.abort();
  }

  /** @returns the nominal time at which the next tick would have been */
  remove(target: ScrapedTarget): number | undefined {
    const entry = this.current.get(target);
    this.current.delete(target);
    return entry?.nominalMs;
  }

  private schedule(target: ScrapedTarget, afterMs: number): void {
    const { intervalMs } = target.target.settings;
    const nominalMs = nextNominalMs(afterMs, offsetOf(target.target.id, intervalMs), intervalMs);
    const dueMs = this.clock.monotonicMs() + nominalMs - this.clock.wallMs();
    const entry = { target, nominalMs, dueMs };
    this.current.set(target, entry);
    this.heap.push(dueMs, entry);
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.interrupt = new AbortController();
      const { first } = this.heap;
      const waitMs = first === undefined ? IDLE_MS : Math.max(0, first.atMs - this.clock.monotonicMs());
      const { signal } = this.interrupt;
      await this.clock.sleep(waitMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (!this.isStopped) this.fireDue();
    }
  }

  private fireDue(): void {
    const untilMs = this.clock.monotonicMs() + EARLY_MS;
    while (!this.isStopped && (this.heap.first?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
      const entry = this.heap.pop();
      // Entries of targets that have left, or were added again since, stay in the heap until they come up.
      if (entry !== undefined && this.current.get(entry.target) === entry) this.fire(entry);
    }
  }

  private fire({ target, nominalMs, dueMs }: Entry): void {
    const { intervalMs } = target.target.settings;
    const wallMs = this.clock.wallMs();
    const lateMs = Math.max(0, this.clock.monotonicMs() - dueMs);
    const alignedMs = alignTimestamp(wallMs, nominalMs, intervalMs);
    this.schedule(target, alignedMs);
    this.onTick({ target, nominalMs, dueMs, missed: Math.floor(lateMs / intervalMs) });
  }
}
