/**
 * Keeps one object for equal contents, for as long as another object references it. Objects that no
 * target uses any more are collected, so bodies that change forever do not fill the memory.
 */
export class WeakInterner<Item extends object> {
  private readonly byHash = new Map<number, WeakRef<Item>[]>();
  private references = 0;
  private sweepAt: number;

  constructor(private readonly minSweep = 1024) {
    this.sweepAt = minSweep;
  }

  find(hash: number, isEqual: (item: Item) => boolean): Item | undefined {
    for (const reference of this.byHash.get(hash) ?? []) {
      const item = reference.deref();
      if (item !== undefined && isEqual(item)) return item;
    }
    return undefined;
  }

  /** @returns `item` */
  add(hash: number, item: Item): Item {
    const known = this.byHash.get(hash);
    if (known === undefined) this.byHash.set(hash, [new WeakRef(item)]);
    else known.push(new WeakRef(item));
    if (++this.references >= this.sweepAt) this.sweep();
    return item;
  }

  /** Number of entries, including collected objects since the last sweep. */
  get size(): number {
    return this.references;
  }

  private sweep(): void {
    let alive = 0;
    for (const [hash, references] of this.byHash) {
      const kept = references.filter((reference) => reference.deref() !== undefined);
      if (kept.length === 0) this.byHash.delete(hash);
      else if (kept.length < references.length) this.byHash.set(hash, kept);
      alive += kept.length;
    }
    this.references = alive;
    this.sweepAt = Math.max(this.minSweep, alive * 2);
  }
}
