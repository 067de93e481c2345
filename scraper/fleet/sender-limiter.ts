/** What one sender may send: so much at once, and so much over time. */
export interface SenderLimits {
  readonly burst: number;
  readonly perSecond: number;
  /** Senders remembered; beyond them, strangers share one allowance. */
  readonly maxSenders: number;
}

interface Allowance {
  tokens: number;
  updatedMs: number;
}

const STRANGERS = ""; // No address is the empty text.

/** One allowance per sender, so that whoever sends too much is refused alone. */
export class SenderLimiter {
  private readonly bySender = new Map<string, Allowance>();

  constructor(
    private readonly limits: SenderLimits,
    private readonly monotonicMs: () => number,
  ) {}

  /** Takes one from the sender's allowance; false when it is used up. */
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

  /** A sender whose allowance is full again is the same as one never seen. Looks at the oldest only: it is called often. */
  private forgetIdle(): void {
    const fullAfterMs = (this.limits.burst / this.limits.perSecond) * 1000;
    let looks = 0;
    for (const [sender, { updatedMs }] of this.bySender) {
      if (this.monotonicMs() - updatedMs >= fullAfterMs) this.bySender.delete(sender);
      if (++looks >= 16) return;
    }
  }
}
