import type { Sampling } from "../sampling/sampling-loop.js";
import { gauge, type Sample } from "../shared/model/metric.js";

export const COLLECTOR_METRICS = {
  success: gauge({
    name: "pihealth_collector_success",
    help: "1 when the last run of the collector succeeded or found no such hardware, else 0.",
    labels: ["collector"],
  }),
  durationSeconds: gauge({
    name: "pihealth_collector_duration_seconds",
    help: "Duration of the last run of the collector in seconds.",
    labels: ["collector"],
  }),
  lastSuccessSeconds: gauge({
    name: "pihealth_collector_last_success_timestamp_seconds",
    help: "Start of the last successful run of the collector in seconds since the Unix epoch.",
    labels: ["collector"],
  }),
};

interface CollectorState {
  /** Samples of the last successful run. */
  samples: readonly Sample[];
  /** Time at which these samples are too old to be shown. */
  expiresMs: number;
  lastSuccessWallMs: number | undefined;
  ok: boolean;
  durationMs: number;
  /** Created when first needed. */
  runSamples?: readonly Sample[];
}

export interface CollectorPace {
  readonly name: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
}

/**
 * The latest samples of each collector. The samples of a failing collector stay for two of its
 * intervals and a deadline after its last successful run. One missed run therefore leaves no hole,
 * and old values are never shown as new.
 */
export class CollectorStates {
  private readonly states = new Map<string, CollectorState>();
  private readonly lifetimesMs: ReadonlyMap<string, number>;

  constructor(collectors: readonly CollectorPace[]) {
    this.lifetimesMs = new Map(
      collectors.map(({ name, intervalMs, deadlineMs }) => [name, 2 * intervalMs + deadlineMs]),
    );
  }

  receive(sampling: Sampling): void {
    const { collector, ok, durationMs } = sampling;
    const before = this.states.get(collector);
    if (!ok) {
      const {
        samples = [],
        expiresMs = Number.POSITIVE_INFINITY,
        lastSuccessWallMs,
      } = before ?? {};
      this.states.set(collector, { samples, expiresMs, lastSuccessWallMs, ok, durationMs });
      return;
    }
    const expiresMs =
      sampling.monotonicMs + (this.lifetimesMs.get(collector) ?? Number.POSITIVE_INFINITY);
    const { samples, wallMs } = sampling;
    this.states.set(collector, { samples, expiresMs, lastSuccessWallMs: wallMs, ok, durationMs });
  }

  /** @returns true when samples were dropped */
  dropExpired(nowMs: number): boolean {
    let dropped = false;
    for (const state of this.states.values()) {
      if (nowMs < state.expiresMs) continue;
      dropped = true;
      state.samples = [];
      state.expiresMs = Number.POSITIVE_INFINITY;
    }
    return dropped;
  }

  /** Samples of all collectors, then those about the collectors themselves. */
  samples(): Sample[] {
    const samples: Sample[] = [];
    for (const state of this.states.values())
      for (const sample of state.samples) samples.push(sample);
    for (const [collector, state] of this.states) {
      state.runSamples ??= runSamples({ collector, ...state });
      for (const sample of state.runSamples) samples.push(sample);
    }
    return samples;
  }
}

/** Samples about the last run of a collector. */
export function runSamples(run: {
  readonly collector: string;
  readonly ok: boolean;
  readonly durationMs: number;
  readonly lastSuccessWallMs: number | undefined;
}): Sample[] {
  const { collector, ok, durationMs, lastSuccessWallMs } = run;
  const samples: Sample[] = [
    COLLECTOR_METRICS.success.sample(ok ? 1 : 0, { collector }),
    COLLECTOR_METRICS.durationSeconds.sample(roundToMicroseconds(durationMs / 1000), { collector }),
  ];
  if (lastSuccessWallMs !== undefined) {
    samples.push(
      COLLECTOR_METRICS.lastSuccessSeconds.sample(lastSuccessWallMs / 1000, { collector }),
    );
  }
  return samples;
}

/** Further digits are noise, which does not compress. */
const roundToMicroseconds = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;
