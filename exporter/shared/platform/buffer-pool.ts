const SMALLEST_BYTES = 65_536;
const MAX_FREE = 4;

/** A buffer taken from a pool by one user. */
export interface BufferLease {
  readonly buffer: Buffer;
  /**
   * Returns the buffer to the pool; bound to the lease. The caller keeps no view of the buffer. A
   * lease that is never released keeps its buffer in memory.
   */
  readonly release: () => void;
}

/**
 * A pool of reusable buffers. Memory outside the heap makes garbage collection run far more often
 * than the program itself needs. A scraper that allocates every response body spends a tenth of its
 * time on garbage collection (docs/benchmarks.md).
 */
export class BufferPool {
  private readonly free: BufferLease[] = [];

  /** @returns a buffer of at least `sizeBytes` with undefined content */
  take(sizeBytes: number): BufferLease {
    const { free } = this;
    const index = free.findLastIndex(({ buffer }) => buffer.length >= sizeBytes);
    const [lease] = index < 0 ? [] : free.splice(index, 1);
    if (lease !== undefined) return lease;
    let capacity = SMALLEST_BYTES;
    while (capacity < sizeBytes) capacity *= 2;
    return this.create(capacity);
  }

  private create(capacity: number): BufferLease {
    const lease: BufferLease = {
      buffer: Buffer.allocUnsafeSlow(capacity),
      release: () => {
        if (this.free.length < MAX_FREE && !this.free.includes(lease)) this.free.push(lease);
      },
    };
    return lease;
  }
}
