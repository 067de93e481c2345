/**
 * The rounding error of the addition `sum + value = newSum`, as Neumaier's variant of Kahan
 * summation computes it. Prometheus sums and averages with it too, so results are equal to the last
 * digit.
 */
export function roundingError(sum: number, value: number, newSum: number): number {
  return Math.abs(sum) >= Math.abs(value) ? sum - newSum + value : value - newSum + sum;
}

/** A running sum that keeps its rounding errors in `compensation`. */
export class KahanSum {
  constructor(
    public sum = 0,
    public compensation = 0,
  ) {}

  add(value: number): void {
    const newSum = this.sum + value;
    this.compensation = isInfinite(newSum)
      ? 0
      : this.compensation + roundingError(this.sum, value, newSum);
    this.sum = newSum;
  }

  get total(): number {
    return this.sum + this.compensation;
  }
}

export const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;
