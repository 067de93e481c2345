import type { Clock } from "./clock.js";

/** A loop's pause that others can cut short. A wake while nobody sleeps ends the next sleep at once, so none is missed. */
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

  /** Returns when the time is over, when woken, or when stopped; never rejects. For one loop at a time. */
  async sleep(delayMs: number): Promise<void> {
    if (!this.isWoken && !this.stop.aborted) {
      this.current = new AbortController();
      try {
        await this.clock.sleep(Math.max(0, delayMs), this.current.signal);
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
