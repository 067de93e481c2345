/** Lengths are rounded up to a multiple of this, so that areas of similar windows can be exchanged. */
const STEP = 512;
/** Most free memory kept. Above this all free areas are released, also lengths that are out of use. */
const MAX_FREE_BYTES = 2 * 1024 * 1024;

/**
 * Reuses the memory for rows of windows. Each target releases some kilobytes every few minutes, which
 * would fragment the heap.
 */
export class AreaPool {
  private readonly freeOfLength = new Map<number, Uint32Array[]>();
  private freeBytes = 0;

  /** @returns an area of at least `length` words, with arbitrary content */
  take(length: number): Uint32Array {
    const rounded = Math.ceil(length / STEP) * STEP;
    const area = this.freeOfLength.get(rounded)?.pop();
    if (area === undefined) return new Uint32Array(rounded);
    this.freeBytes -= area.byteLength;
    return area;
  }

  /** @param area from `take`; the caller must not use it any more */
  give(area: Uint32Array): void {
    if (area.length === 0) return;
    if (this.freeBytes + area.byteLength > MAX_FREE_BYTES) {
      this.freeOfLength.clear();
      this.freeBytes = 0;
    }
    this.freeBytes += area.byteLength;
    const free = this.freeOfLength.get(area.length);
    if (free === undefined) this.freeOfLength.set(area.length, [area]);
    else free.push(area);
  }
}
