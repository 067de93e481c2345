import { NoDataError, type Collector } from "./collectors/collector.js";
import { messageOf, PihealthError } from "./shared/model/errors.js";
import type { Family } from "./shared/model/family.js";
import type { Sample } from "./shared/model/metric.js";
import type { Clock } from "./shared/platform/clock.js";
import type { Logger } from "./shared/platform/logger.js";

/** Most samples taken of one collector at once; a collector that returns more has failed. */
export const MAX_SAMPLES_PER_COLLECTOR = 20_000;
/** Collectors start this far apart, so that their work does not fall together. */
const STAGGER_MS = 100;

/** What came of one run of one collector. */
export interface Sampling {
  readonly collector: string;
  readonly family: Family;
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
  readonly family: Family;
  readonly intervalMs: number;
  readonly deadlineMs: number;
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
  readonly listeners: readonly SamplingListener[];
}

/**
 * Runs every collector on its own interval, with a deadline for each run. One that hangs is reported as failed at its
 * deadline and not started again until the hanging run has ended; no other collector notices.
 */
export class SamplingLoop {
  private readonly stopping = new AbortController();
  private readonly lastOutcomes = new Map<string, string>();
  private readonly unsampled: Set<string>;
  private runs: Promise<void>[] = [];

  constructor(private readonly parts: SamplingLoopParts) {
    this.unsampled = new Set(parts.collectors.map(({ collector }) => collector.name));
  }

  /** True once every collector has run, whatever came of it. */
  get hasSampledAll(): boolean {
    return this.unsampled.size === 0;
  }

  start(): void {
    this.runs = this.parts.collectors.map((scheduled, index) => this.runOnInterval(scheduled, index * STAGGER_MS));
  }

  /** Waits for the loops, not for a collector that hangs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.runs);
  }

  private async runOnInterval(scheduled: ScheduledCollector, delayMs: number): Promise<void> {
    const { clock } = this.parts;
    const { signal } = this.stopping;
    let nextMs = clock.monotonicMs() + delayMs;
    while (await this.sleepUntil(nextMs)) {
      const running = this.sample(scheduled);
      await Promise.race([running, aborted(signal)]);
      const lateMs = clock.monotonicMs() - nextMs;
      nextMs += scheduled.intervalMs * (Math.floor(lateMs / scheduled.intervalMs) + 1);
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

  /** Emits exactly one sampling, at the deadline at the latest; returns when the collector has ended. */
  private async sample(scheduled: ScheduledCollector): Promise<void> {
    const { clock } = this.parts;
    const startedWallMs = clock.wallMs();
    const startedMs = clock.monotonicMs();
    const emit = (samples: readonly Sample[], error: unknown): void => {
      const durationMs = clock.monotonicMs() - startedMs;
      this.emit(scheduled, { wallMs: startedWallMs, monotonicMs: startedMs, durationMs, samples, error });
    };
    const deadline = new AbortController();
    const finished = new AbortController();
    const collecting = collect(scheduled.collector, deadline.signal).finally(() => finished.abort());
    const late = this.failAt(scheduled.deadlineMs, finished.signal, deadline);
    try {
      emit(await Promise.race([collecting, late]), undefined);
    } catch (error) {
      emit([], error);
    }
    await collecting.catch(() => undefined); // Reported above, or came after the deadline that was.
  }

  private async failAt(deadlineMs: number, finished: AbortSignal, deadline: AbortController): Promise<never> {
    try {
      await this.parts.clock.sleep(deadlineMs, finished);
    } catch {
      return new Promise(() => undefined); // The collector was faster: its own outcome counts.
    }
    const error = new DeadlineError(`Cannot finish the sampling: it runs longer than ${deadlineMs}ms`);
    deadline.abort(error);
    throw error;
  }

  private emit(scheduled: ScheduledCollector, outcome: Omit<Sampling, "collector" | "family" | "ok" | "error"> & { error: unknown }): void {
    const { collector, family } = scheduled;
    if (this.stopping.signal.aborted) return;
    this.unsampled.delete(collector.name);
    this.logChange(collector.name, outcome.error);
    const ok = outcome.error === undefined || outcome.error instanceof NoDataError;
    const error = outcome.error === undefined ? undefined : asError(outcome.error);
    const sampling = { ...outcome, collector: collector.name, family, ok, error };
    for (const listen of this.parts.listeners) listen(sampling);
  }

  private logChange(name: string, error: unknown): void {
    const outcome = error === undefined ? "ok" : messageOf(error);
    const before = this.lastOutcomes.get(name);
    if (before === outcome) return;
    this.lastOutcomes.set(name, outcome);
    if (error instanceof NoDataError) {
      this.parts.log.debug("Collector has nothing to read on this machine", { collector: name, reason: outcome });
    } else if (error !== undefined) {
      this.parts.log.warn("Collector fails", { collector: name, error: outcome });
    } else if (before !== undefined) {
      this.parts.log.info("Collector works again", { collector: name });
    }
  }
}

/** Runs a collector once and checks what it returns. What it throws, at once or later, becomes the rejection. */
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}
