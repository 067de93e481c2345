const SMALLEST_BYTES = 65_536;
const MAX_FREE = 4;

/**
 * Buffers that are used again. Memory outside the heap makes the collector of garbage run far more often than its owner
 * needs; a scraper that allocates each body spends a tenth of its time there (docs/benchmarks.md).
 */
export class BufferPool {
  private readonly free: Buffer[] = [];

  /** @returns at least `sizeBytes`, content undefined; may be kept for ever instead of being given back */
  take(sizeBytes: number): Buffer {
    const index = this.free.findIndex(({ length }) => length >= sizeBytes);
    if (index >= 0) return this.free.splice(index, 1)[0] as Buffer;
    let capacity = SMALLEST_BYTES;
    while (capacity < sizeBytes) capacity *= 2;
    return Buffer.allocUnsafeSlow(capacity);
  }

  /** @param buffer as `take` gave it; who gives it back holds no part of it any more */
  giveBack(buffer: Buffer): void {
    if (this.free.length < MAX_FREE) this.free.push(buffer);
  }
}
