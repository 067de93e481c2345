import type { Clock } from "../shared/platform/clock.js";

const MAX_TRANSFERS = 4;
const MAX_TRANSFERS_PER_PEER = 2;

/** Limits the number of transfers that run at once, and the rate of all of them together. */
export class TransferLimits {
  private readonly transfersOf = new Map<string, number>();
  private transfers = 0;
  /** Monotonic time at which the bytes granted so far have been sent. */
  private freeMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly bytesPerSecond: number,
  ) {}

  /**
   * Starts a transfer.
   *
   * @returns a function that ends the transfer and is called once; undefined above the limit
   */
  begin(peer: string): (() => void) | undefined {
    const ofPeer = this.transfersOf.get(peer) ?? 0;
    if (this.transfers >= MAX_TRANSFERS || ofPeer >= MAX_TRANSFERS_PER_PEER) return undefined;
    this.transfers++;
    this.transfersOf.set(peer, ofPeer + 1);
    return () => this.end(peer);
  }

  /** Resolves when another `sizeBytes` may be sent. */
  async pass(sizeBytes: number): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const startMs = Math.max(nowMs, this.freeMs);
    this.freeMs = startMs + (sizeBytes / this.bytesPerSecond) * 1000;
    if (startMs > nowMs) await this.clock.sleep(startMs - nowMs);
  }

  private end(peer: string): void {
    this.transfers--;
    const left = (this.transfersOf.get(peer) ?? 1) - 1;
    if (left > 0) this.transfersOf.set(peer, left);
    else this.transfersOf.delete(peer);
  }
}
