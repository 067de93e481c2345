import { itemAt } from "../../exporter/shared/model/get-or-throw.js";

interface Due<Item> {
  readonly atMs: number;
  readonly item: Item;
}

/** A binary heap with the earliest item on top. */
export class DueHeap<Item> {
  private readonly heap: Due<Item>[] = [];

  /** The earliest item with its time; undefined when the heap is empty. */
  get first(): Due<Item> | undefined {
    return this.heap[0];
  }

  push(atMs: number, item: Item): void {
    const { heap } = this;
    const added = { atMs, item };
    let index = heap.push(added) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = itemAt(heap, parent);
      if (above.atMs <= atMs) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = added;
  }

  /** Removes and returns the earliest item. */
  pop(): Item | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first !== undefined && last !== undefined && heap.length > 0) this.sink(last);
    return first?.item;
  }

  /** Removes and returns the earliest item, if it is due at `nowMs`. */
  popDue(nowMs: number): Item | undefined {
    const { first } = this;
    return first === undefined || first.atMs > nowMs ? undefined : this.pop();
  }

  /** Moves `moved` from the top to its place. */
  private sink(moved: Due<Item>): void {
    const { heap } = this;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.atMs < itemAt(heap, child).atMs) child++;
      const below = itemAt(heap, child);
      if (below.atMs >= moved.atMs) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = moved;
  }
}
