/**
 * Summation that carries the digits lost by each addition along (Kahan's, in Neumaier's form). Prometheus sums and
 * averages this way, so the answers are equal to the last digit.
 *
 * @returns what is to be added to the compensation when `value` is added to `sum`; NaN-free unless the sum is not
 */
export function lostDigits(sum: number, value: number, newSum: number): number {
  return Math.abs(sum) >= Math.abs(value) ? sum - newSum + value : value - newSum + sum;
}

/** A running sum. */
export class KahanSum {
  constructor(
    public sum = 0,
    public compensation = 0,
  ) {}

  add(value: number): void {
    const newSum = this.sum + value;
    this.compensation = isInfinite(newSum)
      ? 0
      : this.compensation + lostDigits(this.sum, value, newSum);
    this.sum = newSum;
  }

  get total(): number {
    return isInfinite(this.sum) ? this.sum : this.sum + this.compensation;
  }
}

export const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;
