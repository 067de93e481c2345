/** Counts over all pools, for the scraper's own /metrics. */
export class ScrapeCounters {
  samples = 0;
  layoutChanges = 0;
  duplicateSamples = 0;
  outOfOrderSamples = 0;
  outOfBoundsSamples = 0;
  timestampedLeftOut = 0;
  internalErrors = 0;
  duplicateTargets = 0;
  readonly limitsExceeded = new Map<string, number>();

  countLimit(limit: string): void {
    this.limitsExceeded.set(limit, (this.limitsExceeded.get(limit) ?? 0) + 1);
  }
}
