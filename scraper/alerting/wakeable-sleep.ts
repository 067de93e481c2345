import type { Clock } from "../../exporter/shared/platform/clock.js";

/** Sleeps until a time comes, something calls `wake`, or the owner stops. For one loop at a time. */
export class WakeableSleep {
  private isWoken = false;
  private wakeSleeper: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** A call before `until` counts for the next `until`. */
  wake(): void {
    this.isWoken = true;
    this.wakeSleeper?.();
  }

  /** @param monotonicMs undefined: only `wake` or `stopped` ends the sleep. Never rejects */
  async until(monotonicMs: number | undefined, stopped: AbortSignal): Promise<void> {
    if (!this.isWoken && !stopped.aborted) await this.sleep(monotonicMs, stopped);
    this.isWoken = false;
  }

  private async sleep(monotonicMs: number | undefined, stopped: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    this.wakeSleeper = end;
    stopped.addEventListener("abort", end, { once: true });
    try {
      const restMs = monotonicMs === undefined ? LONGEST_SLEEP_MS : monotonicMs - this.clock.monotonicMs();
      await this.clock.sleep(Math.max(0, restMs), ended.signal);
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    } finally {
      this.wakeSleeper = undefined;
      stopped.removeEventListener("abort", end);
    }
  }
}

const LONGEST_SLEEP_MS = 86_400_000; // A loop that looks once a day without reason costs nothing.
