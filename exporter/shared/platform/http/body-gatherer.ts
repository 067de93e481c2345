const NOTHING = Buffer.alloc(0);
/** Pieces from this size on are kept as they are. */
const MIN_KEPT_BYTES = 4096;

/**
 * Joins the pieces of a body. Small pieces are copied into one buffer that grows, because a peer may
 * send millions of one byte, and each kept by itself would cost a hundred times its size.
 */
export class BodyGatherer {
  sizeBytes = 0;
  private readonly whole: Buffer[] = [];
  /** Small pieces since the last one that was kept. */
  private small = NOTHING;
  private smallBytes = 0;

  add(piece: Buffer): void {
    this.sizeBytes += piece.length;
    if (piece.length >= MIN_KEPT_BYTES) {
      this.keepSmall();
      this.whole.push(piece);
      return;
    }
    if (this.small.length < this.smallBytes + piece.length) this.grow(piece.length);
    piece.copy(this.small, this.smallBytes);
    this.smallBytes += piece.length;
  }

  /** The whole body. */
  take(): Buffer {
    this.keepSmall();
    const [first = NOTHING] = this.whole;
    return this.whole.length > 1 ? Buffer.concat(this.whole, this.sizeBytes) : first;
  }

  private grow(moreBytes: number): void {
    const larger = Buffer.allocUnsafe(
      Math.max(MIN_KEPT_BYTES, 2 * this.small.length, this.smallBytes + moreBytes),
    );
    this.small.copy(larger, 0, 0, this.smallBytes);
    this.small = larger;
  }

  private keepSmall(): void {
    if (this.smallBytes === 0) return;
    this.whole.push(this.small.subarray(0, this.smallBytes));
    this.small = NOTHING;
    this.smallBytes = 0;
  }
}
