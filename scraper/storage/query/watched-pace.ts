import type { Pace } from "../model/querier.js";

/** Remembers the error that ended a query, to tell it from errors of reading. */
export class WatchedPace implements Pace {
  ending: Error | undefined;

  constructor(private readonly pace: Pace) {}

  isDue(values: number): boolean {
    return this.pace.isDue(values);
  }

  async pause(): Promise<void> {
    try {
      await this.pace.pause();
    } catch (error) {
      throw this.end(error);
    }
  }

  hold(bytes: number): void {
    try {
      this.pace.hold(bytes);
    } catch (error) {
      throw this.end(error);
    }
  }

  private end(error: unknown): Error {
    this.ending = error instanceof Error ? error : new Error(String(error));
    return this.ending;
  }
}
