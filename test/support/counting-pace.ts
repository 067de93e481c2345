import type { Pace } from "../../scraper/storage/model/querier.js";

/** A pace that counts: a pause is due after so many values. */
export class CountingPace implements Pace {
  pauses = 0;
  private values = 0;

  constructor(private readonly valuesPerSlice: number) {}

  isDue(values: number): boolean {
    this.values += values;
    return this.values >= this.valuesPerSlice;
  }

  pause(): Promise<void> {
    this.pauses++;
    this.values = 0;
    return Promise.resolve();
  }

  hold(): void {
    // Memory is not counted.
  }
}
