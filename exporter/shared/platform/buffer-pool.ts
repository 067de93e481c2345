const SMALLEST_BYTES = 65_536;
const MAX_FREE = 4;

/** A buffer of a pool, in the hands of one user. */
export interface BufferLease {
  readonly buffer: Buffer;
  /** Bound. Who calls it holds no part of the buffer any more; not calling it keeps the buffer for ever. */
  readonly release: () => void;
}

/**
 * Buffers that are used again. Memory outside the heap makes the collector of garbage run far more often than its owner
 * needs; a scraper that allocates each body spends a tenth of its time there (docs/benchmarks.md).
 */
export class BufferPool {
  private readonly free: BufferLease[] = [];

  /** @returns a buffer of at least `sizeBytes`, content undefined */
  take(sizeBytes: number): BufferLease {
    const { free } = this;
    for (let index = free.length - 1; index >= 0; index--) {
      const lease = free[index] as BufferLease;
      if (lease.buffer.length < sizeBytes) continue;
      free[index] = free[free.length - 1] as BufferLease;
      free.pop();
      return lease;
    }
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
