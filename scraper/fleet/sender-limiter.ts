/** Limits of one sender: a burst, and a rate over time. */
export interface SenderLimits {
  readonly burst: number;
  readonly perSecond: number;
  /** Most senders with their own allowance. Further ones share one. */
  readonly maxSenders: number;
}

interface Allowance {
  tokens: number;
  updatedMs: number;
}

const STRANGERS = ""; // The empty text is not an address.

/** One allowance per sender, so that only the sender that sends too much is refused. */
export class SenderLimiter {
  private readonly bySender = new Map<string, Allowance>();

  constructor(
    private readonly limits: SenderLimits,
    private readonly monotonicMs: () => number,
  ) {}

  /** Uses one unit of the sender's allowance; false when none is left. */
  take(sender: string): boolean {
    const allowance = this.allowanceOf(sender);
    const nowMs = this.monotonicMs();
    const refilled =
      allowance.tokens + ((nowMs - allowance.updatedMs) / 1000) * this.limits.perSecond;
    allowance.tokens = Math.min(this.limits.burst, refilled);
    allowance.updatedMs = nowMs;
    if (allowance.tokens < 1) return false;
    allowance.tokens--;
    return true;
  }

  private allowanceOf(sender: string): Allowance {
    const known = this.bySender.get(sender);
    if (known !== undefined) return known;
    if (this.bySender.size >= this.limits.maxSenders) this.forgetIdle();
    const key = this.bySender.size >= this.limits.maxSenders ? STRANGERS : sender;
    const allowance = this.bySender.get(key) ?? {
      tokens: this.limits.burst,
      updatedMs: this.monotonicMs(),
    };
    this.bySender.set(key, allowance);
    return allowance;
  }

  /**
   * Forgets senders whose allowance is full, which are equal to unknown ones. Checks only the
   * oldest, because it is called often.
   */
  private forgetIdle(): void {
    const fullAfterMs = (this.limits.burst / this.limits.perSecond) * 1000;
    let looks = 0;
    for (const [sender, { updatedMs }] of this.bySender) {
      if (this.monotonicMs() - updatedMs >= fullAfterMs) this.bySender.delete(sender);
      if (++looks >= 16) return;
    }
  }
}
