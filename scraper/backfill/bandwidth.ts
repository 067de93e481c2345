import type { Clock } from "../../exporter/shared/platform/clock.js";

/** Limits the mean rate of transfers: a receiver takes a piece and waits until the rate is kept. */
export class Bandwidth {
  private freeAtMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly bytesPerSecond: number,
  ) {}

  /** Resolves when the next piece may be requested. Rejects when aborted. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    this.freeAtMs = Math.max(this.freeAtMs, nowMs) + (bytes / this.bytesPerSecond) * 1000;
    const waitMs = this.freeAtMs - nowMs;
    if (waitMs > 1) await this.clock.sleep(waitMs, signal);
  }
}
