import { QueryMemoryError } from "../language/query-errors.js";

/** Rules may take this much more than the limit, so that dashboards do not stop them. */
const SHARE_OF_RULES = 1 / 4;

/** The memory that all queries together hold, in bytes. */
export class MemoryPool {
  private used = 0;
  private readonly waiting = new Set<() => void>();

  constructor(readonly limitBytes: number) {}

  get usedBytes(): number {
    return this.used;
  }

  /** @param isOfRule a query of a rule may take more than the limit */
  open(isOfRule = false): QueryMemory {
    const limitBytes = this.limitBytes * (isOfRule ? 1 + SHARE_OF_RULES : 1);
    return new QueryMemory(limitBytes, {
      usedBytes: () => this.used,
      change: (bytes) => this.change(bytes),
    });
  }

  /** Resolves when some query has given back memory. */
  afterRelease(): { readonly released: Promise<void>; readonly forget: () => void } {
    let wake = (): void => undefined;
    const released = new Promise<void>((resolve) => (wake = resolve));
    this.waiting.add(wake);
    return { released, forget: () => this.waiting.delete(wake) };
  }

  /** True when a query that failed for lack of memory may try again. */
  hasRoomFor(bytes: number): boolean {
    return this.used === 0 || this.used + bytes <= this.limitBytes;
  }

  private change(bytes: number): void {
    this.used += bytes;
    if (bytes >= 0) return;
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}

interface PoolAccess {
  readonly usedBytes: () => number;
  readonly change: (bytes: number) => void;
}

/** The memory of one query, out of the pool of all. */
export class QueryMemory {
  private held = 0;

  constructor(
    private readonly limitBytes: number,
    private readonly pool: PoolAccess,
  ) {}

  get heldBytes(): number {
    return this.held;
  }

  /** @throws {QueryMemoryError} when the queries would hold more than the limit */
  take(bytes: number): void {
    const used = this.pool.usedBytes();
    if (used + bytes > this.limitBytes) {
      const neededBytes = this.held + bytes;
      throw new QueryMemoryError(neededBytes, this.limitBytes, used > this.held);
    }
    this.held += bytes;
    this.pool.change(bytes);
  }

  /** Gives back everything above `bytes`. */
  shrinkTo(bytes: number): void {
    const freed = Math.max(0, this.held - bytes);
    this.held -= freed;
    this.pool.change(-freed);
  }

  release(): void {
    this.shrinkTo(0);
  }
}
