import type { Clock } from "../../exporter/shared/platform/clock.js";

/** A loop's pause that others can cut short. A wake while nobody sleeps ends the next sleep at once. */
export class WakeableSleep {
  private isWoken = false;
  private current: AbortController | undefined;

  /** @param stop ends every sleep, now and later */
  constructor(
    private readonly clock: Clock,
    private readonly stop: AbortSignal,
  ) {
    stop.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** Returns when the time is over, when woken, or when stopped. */
  async sleep(delayMs: number): Promise<void> {
    if (!this.isWoken && !this.stop.aborted) {
      this.current = new AbortController();
      try {
        await this.clock.sleep(delayMs, this.current.signal);
      } catch (error) {
        if (!this.current.signal.aborted) throw error;
      } finally {
        this.current = undefined;
      }
    }
    this.isWoken = false;
  }

  wake(): void {
    this.isWoken = true;
    this.current?.abort(new Error("Woken"));
  }
}
