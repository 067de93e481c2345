import { onAbort } from "./abort.js";
import type { Clock } from "./clock.js";

const LONGEST_SLEEP_MS = 86_400_000; // A loop that looks once a day without reason costs nothing.

/**
 * A loop's pause that others can cut short. A wake while nobody sleeps ends the next sleep at once, so none is missed.
 */
export class WakeableSleep {
  private isWoken = false;
  private current: AbortController | undefined;

  /** @param stop ends every sleep, now and later */
  constructor(
    private readonly clock: Clock,
    private readonly stop: AbortSignal,
  ) {}

  /** Returns when the time is over, when woken, or when stopped; never rejects. For one loop at a time. */
  async sleep(delayMs: number): Promise<void> {
    if (!this.isWoken && !this.stop.aborted) {
      this.current = new AbortController();
      const stopListening = onAbort(this.stop, () => this.wake());
      try {
        await this.clock.sleep(Math.max(0, delayMs), this.current.signal);
      } catch (error) {
        if (!this.current.signal.aborted) throw error;
      } finally {
        stopListening();
        this.current = undefined;
      }
    }
    this.isWoken = false;
  }

  /** @param monotonicMs undefined: until woken or stopped */
  async sleepUntil(monotonicMs: number | undefined): Promise<void> {
    await this.sleep(
      monotonicMs === undefined ? LONGEST_SLEEP_MS : monotonicMs - this.clock.monotonicMs(),
    );
  }

  wake(): void {
    this.isWoken = true;
    this.current?.abort(new Error("Woken"));
  }
}
