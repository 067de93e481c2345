/** Lengths are multiples of this, so that areas of windows much alike fit each other. */
const STEP = 512;
/** Kept for use again at most; beyond, all of it goes, or lengths no longer in use would stay. */
const MAX_FREE_BYTES = 2 * 1024 * 1024;

/**
 * Memory for the rows of windows, used again and again: each target lets some kilobytes go every
 * few minutes, which would leave the heap in pieces.
 */
export class AreaPool {
  private readonly freeOfLength = new Map<number, Uint32Array[]>();
  private freeBytes = 0;

  /** @returns an area of at least `length` words of any content */
  take(length: number): Uint32Array {
    const rounded = Math.ceil(length / STEP) * STEP;
    const area = this.freeOfLength.get(rounded)?.pop();
    if (area === undefined) return new Uint32Array(rounded);
    this.freeBytes -= area.byteLength;
    return area;
  }

  /** @param area from `take`, and not to be used any more */
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
