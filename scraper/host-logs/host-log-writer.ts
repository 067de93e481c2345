import { messageOf } from "../../exporter/shared/model/errors.js";
import { counter, type Sample } from "../../exporter/shared/model/metric.js";
import { type Clock, yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { HostLogSettings } from "./host-log-settings.js";
import { WriteSlots } from "./write-slots.js";

const WRITES_AT_ONCE = 8;
/** Longest time spent on logs before scrapes get a turn. */
const SLICE_MS = 5;
/** After a write that blocks the program for this long, writes go through threads for a while. */
const SLOW_WRITE_MS = 250;
const SLOW_DISK_MS = 10_000;
/** Leaves the storage enough time to stop before systemd kills the program. */
const STOP_WITHIN_MS = 10_000;

export const HOST_LOG_METRICS = {
  lines: counter({
    name: "pihealth_host_log_lines_total",
    help: "Lines of scrapes and alarms written to host logs.",
  }),
  filledLines: counter({
    name: "pihealth_host_log_filled_lines_total",
    help: "Lines of histories merged into host logs.",
  }),
  lostLines: counter({
    name: "pihealth_host_log_lost_lines_total",
    help: "Lines of host logs lost because the disk rejected writes or was too slow.",
  }),
  failures: counter({
    name: "pihealth_host_log_failures_total",
    help: "Failed writes of host logs.",
  }),
};

export interface HostLogParts {
  /** The data folder. Logs are in `hosts/<ip>/log/` below it. */
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: HostLogSettings;
}

/** A log with pending lines. */
export interface QueuedLog {
  /**
   * Writes the pending lines now.
   *
   * @returns false when `flush` has to be used
   * @throws the system's error
   */
  writeSync(): boolean;
  /** Never rejects. */
  flush(): Promise<void>;
}

/**
 * Shared by all logs: the queue of logs with pending lines, counts, and one report when the disk
 * starts or stops refusing writes.
 *
 * Logs are small and many, so they are written on the main thread, some milliseconds at a time: see
 * `docs/benchmarks.md`, "host-logs". Writes that may take longer, or have to read first, wait for a
 * slot and use threads.
 */
export class HostLogWriter {
  /** Lines from scrapes and alarms that were written. */
  written = 0;
  /** Lines from histories that were written. */
  filled = 0;
  lost = 0;
  private failures = 0;
  private isFailing = false;
  private queue: QueuedLog[] = [];
  private working: Promise<void> | undefined;
  /** Writes from the queue that use slots. */
  private readonly slow = new Set<Promise<void>>();
  private slowUntilMs = Number.NEGATIVE_INFINITY;
  /** Monotonic time after which lines are given up; finite once the stop has begun. */
  private giveUpAtMs = Number.POSITIVE_INFINITY;
  private readonly slots = new WriteSlots(WRITES_AT_ONCE);
  /** Merging reads a whole log into memory, so only one merge runs at a time. */
  private readonly fillSlots = new WriteSlots(1);

  constructor(readonly parts: HostLogParts) {}

  enqueue(log: QueuedLog): void {
    this.queue.push(log);
    this.working ??= this.work();
  }

  /** Resolves when the queue is empty. */
  async drain(): Promise<void> {
    while (this.working !== undefined || this.slow.size > 0) {
      await this.working;
      await Promise.all(this.slow);
    }
  }

  /**
   * Called at the start of a stop: from now on a slow disk may block the program, up to a deadline.
   */
  prepareStop(): void {
    this.giveUpAtMs = this.parts.clock.monotonicMs() + STOP_WITHIN_MS;
  }

  get isDiskSlow(): boolean {
    return (
      this.giveUpAtMs === Number.POSITIVE_INFINITY &&
      this.parts.clock.monotonicMs() < this.slowUntilMs
    );
  }

  /** True when the deadline of the stop has passed and lines are no longer written. */
  get isGivingUp(): boolean {
    return this.parts.clock.monotonicMs() >= this.giveUpAtMs;
  }

  /** Runs a write on this thread and remembers when it was slow. */
  watched<Result>(write: () => Result): Result {
    const { clock } = this.parts;
    const startMs = clock.monotonicMs();
    try {
      return write();
    } finally {
      const endMs = clock.monotonicMs();
      if (endMs - startMs >= SLOW_WRITE_MS) this.slowUntilMs = endMs + SLOW_DISK_MS;
    }
  }

  /**
   * Never rejects.
   *
   * @param work rejects with the system's error
   */
  write(work: () => Promise<void>): Promise<void> {
    return this.slots.run(() => this.tryOut(work));
  }

  fill(work: () => Promise<void>): Promise<void> {
    return this.fillSlots.run(() => this.tryOut(work));
  }

  readMetrics(): Sample[] {
    return [
      HOST_LOG_METRICS.lines.sample(this.written),
      HOST_LOG_METRICS.filledLines.sample(this.filled),
      HOST_LOG_METRICS.lostLines.sample(this.lost),
      HOST_LOG_METRICS.failures.sample(this.failures),
    ];
  }

  private async work(): Promise<void> {
    const { clock } = this.parts;
    await yieldToEventLoop();
    let yieldAtMs = clock.monotonicMs() + SLICE_MS;
    while (this.queue.length > 0) {
      const logs = this.queue;
      this.queue = [];
      for (const log of logs) {
        this.writeQueued(log);
        if (clock.monotonicMs() < yieldAtMs) continue;
        await yieldToEventLoop();
        yieldAtMs = clock.monotonicMs() + SLICE_MS;
      }
    }
    this.working = undefined;
  }

  private writeQueued(log: QueuedLog): void {
    if (!this.isDiskSlow && this.trySync(log)) return;
    const writing = log.flush().finally(() => this.slow.delete(writing));
    this.slow.add(writing);
  }

  /** @returns false when the log has more to write */
  private trySync(log: QueuedLog): boolean {
    try {
      if (!this.watched(() => log.writeSync())) return false;
      this.succeed();
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  private async tryOut(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.succeed();
    } catch (error) {
      this.fail(error);
    }
  }

  private succeed(): void {
    if (this.isFailing) this.parts.log.info("Host logs written again", { lost: this.lost });
    this.isFailing = false;
  }

  private fail(error: unknown): void {
    this.failures++;
    if (!this.isFailing)
      this.parts.log.error("Cannot write host logs", { error: messageOf(error) });
    this.isFailing = true;
  }
}
