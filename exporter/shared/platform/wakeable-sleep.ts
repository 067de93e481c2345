import { onAbort } from "./abort.js";
import type { Clock } from "./clock.js";

const LONGEST_SLEEP_MS = 86_400_000; // Waking up once a day without need costs nothing.

/**
 * Sleeps of one loop that other code can end early. A wake between two sleeps ends the next sleep
 * immediately, so no wake is lost.
 */
export class WakeableSleep {
  private isWoken = false;
  private current: AbortController | undefined;

  /** @param stop ends the current sleep and all later ones */
  constructor(
    private readonly clock: Clock,
    private readonly stop: AbortSignal,
  ) {}

  /**
   * Resolves when the time is over, when woken or when stopped; never rejects. At most one call at
   * a time.
   */
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

  /** @param monotonicMs undefined sleeps until woken or stopped */
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
