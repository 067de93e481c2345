import { NoDataError, type Collector } from "./collectors/collector.js";
import { messageOf, PihealthError } from "./shared/model/errors.js";
import type { Family } from "./shared/model/family.js";
import type { Sample } from "./shared/model/metric.js";
import { yieldToEventLoop, type Clock } from "./shared/platform/clock.js";
import type { Logger } from "./shared/platform/logger.js";

/** Most samples taken of one collector at once; a collector that returns more has failed. */
export const MAX_SAMPLES_PER_COLLECTOR = 20_000;

/** What came of one run of one collector. */
export interface Sampling {
  readonly collector: string;
  /** Whose human line shows its values; undefined where none does. */
  readonly family: Family | undefined;
  /** When the run began, by the wall clock. */
  readonly wallMs: number;
  /** When the run began, by the monotonic clock. */
  readonly monotonicMs: number;
  /** Empty when the run failed, and when this machine has nothing to read. */
  readonly samples: readonly Sample[];
  /** True too when this machine has nothing to read: that was found out as it should be. */
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
   * Before the first run. Collectors with equal delays and intervals wake the processor once for
   * all, which saves more than half of their cost: what costs is a wake-up with cold caches, not
   * the reading.
   */
  readonly startDelayMs: number;
}

/** A collector did not finish by its deadline. */
export class DeadlineError extends PihealthError {
  readonly code = "deadline";
}

/** A collector returned what it must not. */
export class BadSamplesError extends PihealthError {
  readonly code = "bad_samples";
}

interface SamplingLoopParts {
  readonly collectors: readonly ScheduledCollector[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Runs every collector on its own interval. One that hangs or fails is noticed by no other. */
export class SamplingLoop {
  private readonly loops: readonly CollectorLoop[];
  private readonly listeners: SamplingListener[] = [];

  constructor(parts: SamplingLoopParts) {
    const emit = (sampling: Sampling): void => {
      for (const listen of this.listeners) listen(sampling);
    };
    this.loops = parts.collectors.map((scheduled) => new CollectorLoop(scheduled, parts, emit));
  }

  /** @param listener called with every sampling; must not throw */
  listen(listener: SamplingListener): void {
    this.listeners.push(listener);
  }

  /** True once every collector has run, whatever came of it. */
  get hasSampledAll(): boolean {
    return this.loops.every(({ hasSampled }) => hasSampled);
  }

  start(): void {
    for (const loop of this.loops) loop.start();
  }

  /** Does not wait for a collector that hangs. */
  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }
}

/**
 * Given as the reason where nobody looks at it: the usual reason is an exception with a stack, made
 * each time.
 */
const ENDED = new Error("the collector has ended");

type Outcome = Pick<Sampling, "samples" | "error">;

/**
 * Runs one collector. A run that hangs is reported as failed at its deadline; the next one starts
 * after its end.
 */
class CollectorLoop {
  hasSampled = false;
  private readonly stopping = new AbortController();
  /** Given to the collector; a new one after each that was used up. */
  private deadline = new AbortController();
  private running: Promise<void> | undefined;
  /** Ends the wait for the collector that runs. */
  private release: () => void = () => undefined;
  private lastMessage: string | undefined;

  constructor(
    private readonly scheduled: ScheduledCollector,
    private readonly parts: SamplingLoopParts,
    private readonly listener: SamplingListener,
  ) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.release();
    await this.running;
  }

  private async run(): Promise<void> {
    const { clock } = this.parts;
    const { intervalMs, startDelayMs } = this.scheduled;
    let nextMs = clock.monotonicMs() + startDelayMs;
    while (await this.sleepUntil(nextMs)) {
      await new Promise<void>((resolve, reject) => {
        this.release = resolve;
        this.sample().then(resolve, reject);
      });
      // Runs missed meanwhile are left out: the next one is at its usual place in the rhythm.
      nextMs += intervalMs * (Math.floor((clock.monotonicMs() - nextMs) / intervalMs) + 1);
    }
  }

  /** @returns false when the loop is being stopped */
  private async sleepUntil(monotonicMs: number): Promise<boolean> {
    const { clock } = this.parts;
    const { signal } = this.stopping;
    try {
      await clock.sleep(Math.max(0, monotonicMs - clock.monotonicMs()), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
  }

  /** Emits one sampling, at the deadline at the latest; returns when the collector has ended. */
  private async sample(): Promise<void> {
    const { clock } = this.parts;
    const started = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    const ended = new AbortController();
    const collecting = this.collect().finally(() => ended.abort(ENDED));
    const inTime = await Promise.race([collecting, this.deadlineOutcome(ended.signal)]);
    if (!this.stopping.signal.aborted) this.emit(started, inTime);
    await collecting;
  }

  private async collect(): Promise<Outcome> {
    try {
      return {
        samples: await collect(this.scheduled.collector, this.deadline.signal),
        error: undefined,
      };
    } catch (error) {
      return { samples: [], error: asError(error) };
    }
  }

  /**
   * Resolves at the deadline; never once the collector has `ended`, whose own outcome counts then.
   */
  private async deadlineOutcome(ended: AbortSignal): Promise<Outcome> {
    const { deadlineMs } = this.scheduled;
    // Most collectors are done before the event loop turns: they need no timer.
    await yieldToEventLoop();
    try {
      await this.parts.clock.sleep(deadlineMs, ended);
    } catch (error) {
      if (!ended.aborted) throw error;
      return new Promise(() => undefined);
    }
    const error = new DeadlineError(
      `Cannot finish the sampling: it takes longer than its deadline of ${deadlineMs}ms`,
    );
    this.deadline.abort(error);
    this.deadline = new AbortController();
    return { samples: [], error };
  }

  private emit(started: Pick<Sampling, "wallMs" | "monotonicMs">, outcome: Outcome): void {
    const { collector, family } = this.scheduled;
    const { clock } = this.parts;
    this.hasSampled = true;
    this.logChange(outcome.error);
    const ok = outcome.error === undefined || outcome.error instanceof NoDataError;
    const durationMs = clock.monotonicMs() - started.monotonicMs;
    const sampling: Sampling = {
      ...started,
      ...outcome,
      collector: collector.name,
      family,
      ok,
      durationMs,
    };
    this.listener(sampling);
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
 * Runs a collector once and checks what it returns. What it throws, at once or later, becomes the
 * rejection.
 */
export async function collect(collector: Collector, signal: AbortSignal): Promise<Sample[]> {
  const samples = await collector.collect(signal);
  if (samples.length > MAX_SAMPLES_PER_COLLECTOR) {
    const detail = `${samples.length} samples, they must be at most ${MAX_SAMPLES_PER_COLLECTOR}`;
    throw new BadSamplesError(`Cannot take samples of collector "${collector.name}": ${detail}`);
  }
  const offered = new Set(collector.metrics);
  const stranger = samples.find(({ metric }) => !offered.has(metric));
  if (stranger !== undefined) {
    const detail = `"${stranger.metric.name}" is not one of its metrics`;
    throw new BadSamplesError(`Cannot take samples of collector "${collector.name}": ${detail}`);
  }
  return samples;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}
