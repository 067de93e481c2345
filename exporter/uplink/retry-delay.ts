interface RetryDelayOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0 to below 1. */
  readonly random: () => number;
}

/**
 * Delays between retries. They double, and have a jitter of 20 % so that a fleet does not retry in
 * step.
 */
export class RetryDelay {
  private failures = 0;

  constructor(private readonly options: RetryDelayOptions) {}

  reset(): void {
    this.failures = 0;
  }

  nextMs(): number {
    const { firstMs, maxMs, random } = this.options;
    const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return spread(delayMs, 0.2, random);
  }
}

/** `delayMs` changed randomly by at most `share` of its length. */
export function spread(delayMs: number, share: number, random: () => number): number {
  return Math.round(delayMs * (1 + share * (2 * random() - 1)));
}
