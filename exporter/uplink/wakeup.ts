import type { Clock } from "../shared/platform/clock.js";

/**
 * A sleep that others can end. Being woken while awake ends the next sleep at once, so that no call
 * is missed.
 */
export class Wakeup {
  private isCalled = false;
  private sleeping: AbortController | undefined;

  constructor(private readonly clock: Clock) {}

  wake(): void {
    this.isCalled = true;
    this.sleeping?.abort();
  }

  async sleep(delayMs: number): Promise<void> {
    if (!this.isCalled) {
      this.sleeping = new AbortController();
      const { signal } = this.sleeping;
      await this.clock.sleep(delayMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
    this.isCalled = false;
  }
}
