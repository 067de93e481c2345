import { QueryExecutionError } from "../language/query-errors.js";

/** Limits how many values a query holds in memory at once. */
export class SampleBudget {
  private used = 0;
  private highest = 0;

  constructor(private readonly limit: number) {}

  /** The values held now; pass it to `settle` when a part of the query is done. */
  get held(): number {
    return this.used;
  }

  /** The most values that were held at once. */
  get peak(): number {
    return this.highest;
  }

  /** @throws {QueryExecutionError} when the query would hold more than the limit */
  take(values: number): void {
    this.used += values;
    this.highest = Math.max(this.highest, this.used);
    if (this.used <= this.limit) return;
    throw new QueryExecutionError(
      "query processing would load too many samples into memory in query execution",
    );
  }

  /** Gives back everything taken since `heldBefore`, except for a result of this size. */
  settle(heldBefore: number, resultValues: number): void {
    this.used = heldBefore;
    this.take(resultValues);
  }
}
