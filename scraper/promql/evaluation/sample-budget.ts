import { QueryExecutionError } from "../language/query-errors.js";
import type { QueryMemory } from "./query-memory.js";

/** A cell of a block: a double, and one byte that says whether it is present. */
const CELL_BYTES = 9;

/** What a query held at some time; see `SampleBudget.settle`. */
export interface HeldBudget {
  readonly values: number;
  readonly bytes: number;
}

/** Limits how many values a query holds in memory at once. */
export class SampleBudget {
  private used = 0;
  private highest = 0;

  constructor(
    private readonly limit: number,
    private readonly memory?: QueryMemory,
  ) {}

  /** The values and bytes held now; pass it to `settle` when a part of the query is done. */
  get held(): HeldBudget {
    return { values: this.used, bytes: this.memory?.heldBytes ?? 0 };
  }

  /** The most values that were held at once. */
  get peak(): number {
    return this.highest;
  }

  /**
   * @throws {QueryExecutionError} when the query would hold more than the limit
   * @throws {QueryMemoryError} when all queries together would hold too much memory
   */
  take(values: number): void {
    this.used += values;
    this.highest = Math.max(this.highest, this.used);
    if (this.used > this.limit) {
      throw new QueryExecutionError(
        "query processing would load too many samples into memory in query execution",
      );
    }
    this.memory?.take(values * CELL_BYTES);
  }

  /** Gives back everything taken since `heldBefore`, except for a result of this size. */
  settle(heldBefore: HeldBudget, resultValues: number): void {
    this.used = heldBefore.values;
    this.memory?.shrinkTo(heldBefore.bytes);
    this.take(resultValues);
  }
}
