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

/** Runs every collector on its own interval. One that hangs or fails is noticed by no other. */
export class SamplingLoop {
  private readonly loops: readonly CollectorLoop[];

  constructor(parts: SamplingLoopParts) {
    this.loops = parts.collectors.map((scheduled) => new CollectorLoop(scheduled, parts));
  }

  /** True once every collector has run, whatever came of it. */
  get hasSampledAll(): boolean {
    return this.loops.every(({ hasSampled }) => hasSampled);
  }

  start(): void {
    this.loops.forEach((loop, index) => loop.start(index * STAGGER_MS));
  }

  /** Does not wait for a collector that hangs. */
  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }
}

type Outcome = Pick<Sampling, "samples" | "error">;

/** Runs one collector. A run that hangs is reported as failed at its deadline; the next one starts after its end. */
class CollectorLoop {
  hasSampled = false;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  /** Ends the wait for the collector that runs. */
  private release: () => void = () => undefined;
  private lastMessage: string | undefined;

  constructor(
    private readonly scheduled: ScheduledCollector,
    private readonly parts: SamplingLoopParts,
  ) {}

  start(delayMs: number): void {
    this.running = this.run(delayMs);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.release();
    await this.running;
  }

  private async run(delayMs: number): Promise<void> {
    const { clock } = this.parts;
    const { intervalMs } = this.scheduled;
    let nextMs = clock.monotonicMs() + delayMs;
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
    const deadline = new AbortController();
    const finished = new AbortController();
    const collecting = collect(this.scheduled.collector, deadline.signal).finally(() => finished.abort());
    let outcome: Outcome;
    try {
      outcome = { samples: await Promise.race([collecting, this.failAtDeadline(deadline, finished.signal)]), error: undefined };
    } catch (error) {
      outcome = { samples: [], error: asError(error) };
    }
    if (!this.stopping.signal.aborted) this.emit(started, outcome);
    await collecting.catch(() => undefined); // Reported above, or came after the deadline that was.
  }

  /** Rejects at the deadline, or never once `finished`: then the collector's own outcome counts. */
  private async failAtDeadline(deadline: AbortController, finished: AbortSignal): Promise<never> {
    const { deadlineMs } = this.scheduled;
    try {
      await this.parts.clock.sleep(deadlineMs, finished);
    } catch (error) {
      if (!finished.aborted) throw error;
      return new Promise(() => undefined);
    }
    const error = new DeadlineError(`Cannot finish the sampling: it takes longer than its deadline of ${deadlineMs}ms`);
    deadline.abort(error);
    throw error;
  }

  private emit(started: Pick<Sampling, "wallMs" | "monotonicMs">, outcome: Outcome): void {
    const { collector, family } = this.scheduled;
    const { clock, listeners } = this.parts;
    this.hasSampled = true;
    this.logChange(outcome.error);
    const ok = outcome.error === undefined || outcome.error instanceof NoDataError;
    const durationMs = clock.monotonicMs() - started.monotonicMs;
    const sampling: Sampling = { ...started, ...outcome, collector: collector.name, family, ok, durationMs };
    for (const listen of listeners) listen(sampling);
  }

  private logChange(error: Error | undefined): void {
    const { log } = this.parts;
    const { name } = this.scheduled.collector;
    if (error?.message === this.lastMessage) return;
    this.lastMessage = error?.message;
    if (error instanceof NoDataError) {
      log.debug("Collector has nothing to read on this machine", { collector: name, reason: error.message });
    } else if (error === undefined) {
      log.info("Collector works again", { collector: name });
    } else {
      log.warn("Collector fails", { collector: name, error: error.message });
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

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}
