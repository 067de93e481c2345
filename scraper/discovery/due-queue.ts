interface Entry<Item> {
  readonly item: Item;
  readonly dueMs: number;
}

/** Items by the time at which they are due: a binary heap. Of equal times any order. */
export class DueQueue<Item> {
  private readonly heap: Entry<Item>[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** Infinity when the queue is empty. */
  get nextDueMs(): number {
    return this.heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  add(item: Item, dueMs: number): void {
    let index = this.heap.length;
    this.heap.push({ item, dueMs });
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.dueAt(parent) <= dueMs) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  /** The item due first, if it is due at `nowMs`. */
  takeDue(nowMs: number): Item | undefined {
    const first = this.heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = this.heap.pop() as Entry<Item>;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink();
    }
    return first.item;
  }

  private sink(): void {
    for (let index = 0; ;) {
      const left = 2 * index + 1;
      const smaller = this.dueAt(left + 1) < this.dueAt(left) ? left + 1 : left;
      if (this.dueAt(smaller) >= this.dueAt(index)) return;
      this.swap(index, smaller);
      index = smaller;
    }
  }

  private dueAt(index: number): number {
    return this.heap[index]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  private swap(left: number, right: number): void {
    const entry = this.heap[left] as Entry<Item>;
    this.heap[left] = this.heap[right] as Entry<Item>;
    this.heap[right] = entry;
  }
}
