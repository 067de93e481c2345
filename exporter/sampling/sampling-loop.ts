import { NoDataError, type Collector } from "../collectors/collector.js";
import { messageOf, PihealthError } from "../shared/model/errors.js";
import type { Family } from "../shared/model/family.js";
import type { Sample } from "../shared/model/metric.js";
import { yieldToEventLoop, type Clock } from "../shared/platform/clock.js";
import type { Logger } from "../shared/platform/logger.js";

/** Most samples of one collector run; a run with more fails. */
export const MAX_SAMPLES_PER_COLLECTOR = 20_000;

/** The result of one collector run. */
export interface Sampling {
  readonly collector: string;
  /** Family whose human line contains the values; undefined when there is none. */
  readonly family: Family | undefined;
  /** Wall clock time at which the run began. */
  readonly wallMs: number;
  /** Monotonic time at which the run began. */
  readonly monotonicMs: number;
  /** Empty when the run failed, and when this machine has nothing to read. */
  readonly samples: readonly Sample[];
  /** Also true when this machine does not have the collector's subject. */
  readonly ok: boolean;
  readonly error: Error | undefined;
  readonly durationMs: number;
}

export type SamplingListener = (sampling: Sampling) => void;

export interface ScheduledCollector {
  readonly collector: Collector;
  readonly family: Family | undefined;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /**
   * Time until the first run, at least the collector's lead. Collectors with equal delays run in
   * one wake-up of the processor. This more than halves their cost, because most of it is cold
   * caches.
   */
  readonly startDelayMs: number;
  /** False: the exporter is ready before the first run has ended. Default true. */
  readonly isAwaited?: boolean;
}

/** A collector did not finish by its deadline. */
export class DeadlineError extends PihealthError {
  readonly code = "deadline";
}

/** A collector returned invalid samples. */
export class BadSamplesError extends PihealthError {
  readonly code = "bad_samples";
}

interface SamplingLoopParts {
  readonly collectors: readonly ScheduledCollector[];
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A timer may fire this early. Collectors that are due then run at once, instead of in another
 * wake-up.
 */
const TIMER_SLACK_MS = 2;
/** Share of a window that may be missing when it began late. */
const WINDOW_TOLERANCE = 0.1;

/**
 * Runs every collector on its own interval. A collector that hangs or fails does not affect the
 * others.
 *
 * Samplings go to the listeners. One timer serves all collectors, because waking the processor
 * costs more than checking who is due. One loop runs everything.
 */
export class SamplingLoop {
  private readonly runners: readonly CollectorRunner[];
  private readonly listeners: SamplingListener[] = [];
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly parts: SamplingLoopParts) {
    const emit = (sampling: Sampling): void => {
      if (this.stopping.signal.aborted) return;
      for (const listen of this.listeners) listen(sampling);
    };
    const runners = parts.collectors.map(
      (scheduled) => new CollectorRunner(scheduled, parts, emit),
    );
    // Of collectors whose windows begin together, the last one in the list begins first. The
    // processes collector has the most work, so its work is in no other window.
    this.runners = [
      ...runners.filter(({ leadMs }) => leadMs > 0).reverse(),
      ...runners.filter(({ leadMs }) => leadMs === 0),
    ];
  }

  /** @param listener called with every sampling; must not throw */
  listen(listener: SamplingListener): void {
    this.listeners.push(listener);
  }

  /** True once every collector that is awaited has run, with or without success. */
  get hasSampledAll(): boolean {
    return this.runners.every(({ hasSampled, isAwaited }) => hasSampled || !isAwaited);
  }

  start(): void {
    const startMs = this.parts.clock.monotonicMs();
    for (const runner of this.runners) runner.schedule(startMs);
    this.running = this.run();
  }

  /** Ends running collectors, but does not wait for one that hangs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const runner of this.runners) runner.cancel();
    await this.running;
  }

  private async run(): Promise<void> {
    const { clock } = this.parts;
    const { signal } = this.stopping;
    while (this.runners.length > 0) {
      const nextMs = Math.min(...this.runners.map(({ wakeMs }) => wakeMs));
      try {
        await clock.sleep(Math.max(0, nextMs - clock.monotonicMs()), signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      if (signal.aborted) return;
      const dueMs = clock.monotonicMs() + TIMER_SLACK_MS;
      for (const runner of this.runners) runner.endWindow(dueMs);
      await Promise.resolve(); // Collectors with a window read its end before other collectors run.
      for (const runner of this.runners) if (runner.wakeMs <= dueMs) runner.wake(dueMs);
      // Most collectors finish before the event loop turns, and then need no timer for their
      // deadlines.
      await yieldToEventLoop();
    }
  }
}

type Outcome = Pick<Sampling, "samples" | "error">;

/** A run in progress. */
interface Run {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly deadline: AbortController;
  /** End of its window, by the monotonic clock; undefined without a window, and after its end. */
  dueMs: number | undefined;
  endWindow: () => void;
  /** True once the run was reported at its deadline. A later result is ignored. */
  isReported: boolean;
}

/**
 * Runs one collector at its scheduled times. A run that hangs is reported as failed at its
 * deadline; the next run starts after it has ended.
 */
class CollectorRunner {
  hasSampled = false;
  /** Next scheduled time, by the monotonic clock. */
  private nextMs = 0;
  private current: Run | undefined;
  /** Passed to the collector; replaced after it was used. */
  private deadline = new AbortController();
  private lastMessage: string | undefined;

  constructor(
    private readonly scheduled: ScheduledCollector,
    private readonly parts: SamplingLoopParts,
    private readonly listener: SamplingListener,
  ) {}

  schedule(startMs: number): void {
    this.nextMs = startMs + this.scheduled.startDelayMs - this.leadMs;
  }

  get isAwaited(): boolean {
    return this.scheduled.isAwaited ?? true;
  }

  get leadMs(): number {
    return this.scheduled.collector.leadMs ?? 0;
  }

  /** Time by which `wake` has to be called. */
  get wakeMs(): number {
    const { current, nextMs } = this;
    const windowMs = current?.dueMs ?? nextMs;
    if (current === undefined || current.isReported) return Math.min(nextMs, windowMs);
    return Math.min(nextMs, windowMs, current.monotonicMs + this.scheduled.deadlineMs);
  }

  /** Resumes a run that waits for the end of its window, if that has been reached. */
  endWindow(dueMs: number): void {
    const { current } = this;
    if (current?.dueMs === undefined || dueMs < current.dueMs) return;
    current.dueMs = undefined;
    current.endWindow();
  }

  /** @param dueMs everything that is due by then runs now */
  wake(dueMs: number): void {
    const { current } = this;
    if (current !== undefined && dueMs >= current.monotonicMs + this.scheduled.deadlineMs)
      this.endAtDeadline(current);
    if (dueMs < this.nextMs) return;
    const { intervalMs } = this.scheduled;
    const lateMs = dueMs - this.nextMs;
    // Missed runs are skipped: the next run is at its scheduled time.
    this.nextMs += intervalMs * (Math.floor(lateMs / intervalMs) + 1);
    // A window keeps its length, unless a slightly shorter one ends together with the others.
    const windowMs = lateMs <= this.leadMs * WINDOW_TOLERANCE ? this.leadMs - lateMs : this.leadMs;
    if (current === undefined) void this.run(dueMs + windowMs);
  }

  /** Ends the current run without a report. */
  cancel(): void {
    const { current } = this;
    if (current === undefined || current.isReported) return;
    current.isReported = true;
    current.deadline.abort(new Error("Stopped"));
  }

  private endAtDeadline(run: Run): void {
    if (run.isReported) return;
    run.isReported = true;
    const { deadlineMs } = this.scheduled;
    const error = new DeadlineError(
      `Cannot finish the sampling: it takes longer than its deadline of ${deadlineMs}ms`,
    );
    run.deadline.abort(error);
    this.deadline = new AbortController();
    this.emit(run, { samples: [], error });
  }

  /** @param endMs end of its window, if it has one */
  private async run(endMs: number): Promise<void> {
    const { clock } = this.parts;
    const { deadline, leadMs } = this;
    const times = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    const run: Run = {
      ...times,
      deadline,
      isReported: false,
      dueMs: undefined,
      endWindow: () => undefined,
    };
    let due: Promise<void> | undefined;
    if (leadMs > 0) {
      run.dueMs = endMs;
      due = new Promise((resolve) => (run.endWindow = resolve));
    }
    this.current = run;
    const outcome = await this.collect(deadline.signal, due);
    this.current = undefined;
    if (!run.isReported) this.emit(run, outcome);
  }

  private async collect(signal: AbortSignal, due: Promise<void> | undefined): Promise<Outcome> {
    try {
      return { samples: await collect(this.scheduled.collector, signal, due), error: undefined };
    } catch (error) {
      return { samples: [], error: asError(error) };
    }
  }

  private emit({ wallMs, monotonicMs }: Run, { samples, error }: Outcome): void {
    const { collector, family } = this.scheduled;
    this.hasSampled = true;
    this.logChange(error);
    const ok = error === undefined || error instanceof NoDataError;
    const durationMs = this.parts.clock.monotonicMs() - monotonicMs;
    this.listener({
      collector: collector.name,
      family,
      wallMs,
      monotonicMs,
      samples,
      ok,
      error,
      durationMs,
    });
  }

  private logChange(error: Error | undefined): void {
    const { log } = this.parts;
    const { name } = this.scheduled.collector;
    if (error?.message === this.lastMessage) return;
    this.lastMessage = error?.message;
    if (error instanceof NoDataError) {
      log.debug("Collector has nothing to read on this machine", {
        collector: name,
        reason: error.message,
      });
    } else if (error === undefined) {
      log.info("Collector works again", { collector: name });
    } else {
      log.warn("Collector fails", { collector: name, error: error.message });
    }
  }
}

/**
 * Runs a collector once and checks its samples. An error, thrown at once or later, rejects the
 * promise.
 */
export async function collect(
  collector: Collector,
  signal: AbortSignal,
  due?: Promise<void>,
): Promise<Sample[]> {
  const samples = await collector.collect(signal, due);
  if (samples.length > MAX_SAMPLES_PER_COLLECTOR) {
    const detail = `${samples.length} samples, they must be at most ${MAX_SAMPLES_PER_COLLECTOR}`;
    throw new BadSamplesError(`Cannot take samples of collector "${collector.name}": ${detail}`);
  }
  const { metrics } = collector;
  const stranger = samples.find(({ metric }) => !metrics.includes(metric));
  if (stranger !== undefined) {
    const detail = `"${stranger.metric.name}" is not one of its metrics`;
    throw new BadSamplesError(`Cannot take samples of collector "${collector.name}": ${detail}`);
  }
  return samples;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}
