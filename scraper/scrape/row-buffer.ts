import { bitsOf, setStaleAt } from "../../exporter/shared/model/special-values.js";

const FIRST_CAPACITY = 1024;

/**
 * Memory for the values of one row. Every scrape of every target uses the same buffer, so a scrape
 * allocates none.
 */
export class RowBuffer {
  values = new Float64Array(FIRST_CAPACITY);
  private bits = bitsOf(this.values);

  /** Makes room for at least `count` values and keeps the present ones. */
  reserve(count: number): void {
    if (count <= this.values.length) return;
    const larger = new Float64Array(Math.max(count, this.values.length * 2));
    larger.set(this.values);
    this.values = larger;
    this.bits = bitsOf(larger);
  }

  /** Copies the first `count` values of another buffer. */
  takeFrom(other: RowBuffer, count: number): void {
    this.reserve(count);
    this.values.set(other.values.subarray(0, count));
  }

  setStale(from: number, until: number): void {
    this.reserve(until);
    for (let index = from; index < until; index++) setStaleAt(this.bits, index);
  }
}
