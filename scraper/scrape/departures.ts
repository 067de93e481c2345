import type { Clock } from "../../exporter/shared/platform/clock.js";
import { DueHeap } from "../base/due-heap.js";
import type { TargetRows } from "./target-rows.js";

const IDLE_MS = 3_600_000;

interface Departure {
  readonly tableKey: string;
  readonly rows: TargetRows;
  readonly nominalMs: number;
}

/**
 * Removed targets whose series have not ended yet. A series ends at the time of the next scrape
 * that would have taken place, as in Prometheus. A target that writes the same series and is added
 * before that time continues them.
 *
 * One loop waits for the earliest end.
 */
export class Departures {
  private readonly byTable = new Map<string, Departure>();
  private readonly heap = new DueHeap<Departure>();
  private interrupt = new AbortController();
  private isStopped = false;
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly clock: Clock) {}

  start(): void {
    this.loop = this.run();
  }

  /**
   * Targets that are still waiting get no staleness markers, because they may be present after the
   * restart.
   */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.interrupt.abort();
    await this.loop;
  }

  add(departure: Departure): void {
    this.byTable.set(departure.tableKey, departure);
    this.heap.push(this.clock.monotonicMs() + departure.nominalMs - this.clock.wallMs(), departure);
    this.interrupt.abort();
  }

  /**
   * @returns the rows of the removed target that wrote to this table; they belong to the caller now
   */
  takeBack(tableKey: string): TargetRows | undefined {
    const rows = this.byTable.get(tableKey)?.rows;
    this.byTable.delete(tableKey);
    return rows;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.interrupt = new AbortController();
      const { signal } = this.interrupt;
      const dueMs = this.heap.first?.atMs ?? this.clock.monotonicMs() + IDLE_MS;
      await this.clock
        .sleep(Math.max(0, dueMs - this.clock.monotonicMs()), signal)
        .catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      if (!this.isStopped) this.endDue();
    }
  }

  private endDue(): void {
    const nowMs = this.clock.monotonicMs();
    while ((this.heap.first?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      const departure = this.heap.pop();
      if (departure === undefined || this.byTable.get(departure.tableKey) !== departure) continue;
      this.byTable.delete(departure.tableKey);
      departure.rows.writeEnd(departure.nominalMs);
    }
  }
}
